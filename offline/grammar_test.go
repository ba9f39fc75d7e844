package offline

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"hangkit/offline/internal/ui"
)

// TestGrammar: whatever part of the command line the arguments mean, the command in it
// is the one of the whole, with the same flags and arguments.
func TestGrammar(t *testing.T) {
	t.Parallel()
	whole := modelOf(t, nil)
	var leaves []*kong.Node
	for _, n := range whole.Children {
		leaves = append(leaves, leavesOf(n)...)
	}
	if len(leaves) < 15 {
		t.Fatalf("%d commands only", len(leaves))
	}
	for _, want := range leaves {
		path := strings.Fields(want.Path())
		got := modelOf(t, path)
		for _, name := range path {
			i := slices.IndexFunc(got.Children, func(n *kong.Node) bool { return n.Name == name })
			if i < 0 || len(got.Children) != 1 {
				t.Fatalf("%s: %d commands, %s is number %d", want.Path(), len(got.Children), name, i)
			}
			got = got.Children[i]
		}
		if got.Summary() != want.Summary() || got.Help != want.Help || got.Detail != want.Detail {
			t.Errorf("%s: %s: %s, want %s: %s", want.Path(), got.Summary(), got.Help, want.Summary(), want.Help)
		}
	}
	for _, args := range [][]string{nil, {"--json", "list"}, {"nonsense"}, {"hive", "set", "--help"}, {"hive", "-h"}} {
		if n := len(modelOf(t, args).Children); n != len(whole.Children) {
			t.Errorf("%q: %d commands, want all", args, n)
		}
	}
}

func leavesOf(n *kong.Node) []*kong.Node {
	if len(n.Children) == 0 {
		return []*kong.Node{n}
	}
	var list []*kong.Node
	for _, child := range n.Children {
		list = append(list, leavesOf(child)...)
	}
	return list
}

func modelOf(t *testing.T, args []string) *kong.Node {
	t.Helper()
	root, globals := grammar(args)
	if globals == nil {
		t.Fatalf("%q: no shared flags", args)
	}
	exited := ui.Status(-1)
	parser, err := kong.New(root, parserOptions(t.Context(), ui.New(nil, io.Discard, io.Discard), globals, &exited)...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return parser.Model.Node
}
