package offline

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/alecthomas/kong"

	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/cmdline"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows/sample"
)

// CompletionCmd prints what teaches a shell the command line.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" help:"Which shell: ${enum}."`
}

// Help is the command's long help.
func (*CompletionCmd) Help() string {
	return `Prints a script that completes commands, flags, their values and file names. It asks
hangkit itself what fits, so it is installed once and never out of date.

bash, for this session, and for every one:

    source <(hangkit completion bash)
    hangkit completion bash > ~/.local/share/bash-completion/completions/hangkit

zsh, in a folder that $fpath names, and fish:

    hangkit completion zsh > ~/.zfunc/_hangkit
    hangkit completion fish > ~/.config/fish/completions/hangkit.fish

PowerShell, in the profile:

    hangkit completion powershell | Out-String | Invoke-Expression`
}

type completionDocument struct {
	Schema string `json:"schema"`
	Shell  string `json:"shell"`
	Script string `json:"script"`
}

// Run prints the script.
func (c *CompletionCmd) Run(talk *ui.UI) error {
	script, ok := cmdline.Script(c.Shell)
	if !ok {
		return errors.New("there is no script for " + c.Shell)
	}
	if talk.JSON {
		return talk.Document(completionDocument{"hangkit/completion/1", c.Shell, script})
	}
	talk.Printf("%s", script)
	return nil
}

// completeWord is the first argument with which the scripts ask what fits. Then come the
// words before the cursor, and behind an equals sign the one that it is in: it may be
// empty, and not every shell passes on an empty argument.
const completeWord = "__complete"

// complete answers a script. A shell in the middle of a line has no use for an error, so
// there is none to see.
func complete(ctx context.Context, talk *ui.UI, words []string) ui.Status {
	model, err := wholeModel(ctx, talk)
	if err != nil || len(words) == 0 {
		return ui.Usage
	}
	last := len(words) - 1
	words[last] = strings.TrimPrefix(words[last], "=")
	values := maps.Clone(completedValues)
	values["man <page>"] = func() []string { return commandPages(model) }
	if _, err := values.Complete(model, words).WriteTo(talk.Out()); err != nil {
		return ui.Failed
	}
	return ui.OK
}

// completedValues are what flags and arguments take that the grammar has no list of.
var completedValues = cmdline.Values{
	"arm --dump":              crashconfig.DumpTypes,
	"arm --profile":           crashconfig.Profiles,
	"arm --keyboard":          func() []string { return []string{"default", "off", "list"} },
	"check --explain":         func() []string { return append(crashconfig.RuleIDs(), "all") },
	"check --index":           everyIndex,
	"arm --index":             everyIndex,
	"undo --index":            everyIndex,
	"collect --index":         everyIndex,
	"trigger --platform":      platforms,
	"image sample --platform": sample.Platforms,
}

func everyIndex() []string { return []string{"all"} }

func platforms() []string {
	var ids []string
	for _, p := range append(crashconfig.Platforms(), crashconfig.Ways()...) {
		ids = append(ids, p.ID)
	}
	return append(ids, listPlatforms)
}

// commandPages are the commands as man takes them: arm, hive-get.
func commandPages(model *kong.Node) []string {
	var names []string
	for _, p := range (cmdline.Manual{Root: model}).Pages()[1:] {
		names = append(names, strings.TrimPrefix(p.Name, model.Name+"-"))
	}
	return names
}

// wholeModel is the whole command line as kong sees it: a run's own parser knows only the
// command that it was asked for.
func wholeModel(ctx context.Context, talk *ui.UI) (*kong.Node, error) {
	root, globals := grammar(nil)
	exited := ui.Status(-1)
	parser, err := kong.New(root, parserOptions(ctx, talk, globals, &exited)...)
	if err != nil {
		return nil, err
	}
	return parser.Model.Node, nil
}
