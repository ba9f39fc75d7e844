package offline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
)

// DemoCmd walks through everything on a generated disk.
type DemoCmd struct {
	Keep string `placeholder:"DIR" help:"Make the disk and the dump in this folder and leave them there."`
}

// Help is the command's long help.
func (*DemoCmd) Help() string {
	return `Makes the disk of a server that will hang, in a temporary folder, and shows what a
support engineer would do: check, arm, check again, get the dump out of the page
file after the hang, verify it, and undo. Touches nothing else.

    hangkit demo`
}

type demoDocument struct {
	Schema string     `json:"schema"`
	Steps  []demoStep `json:"steps"`
	Folder string     `json:"folder,omitempty"`
}

type demoStep struct {
	Command string    `json:"command"`
	Status  ui.Status `json:"status"`
}

// demoMemory is the memory of the machine that the demo makes up.
const demoMemory = "8G"

// demo is a walk in progress.
type demo struct {
	ctx  context.Context //nolint:containedctx // the demo is one call with many steps
	talk *ui.UI
	dir  string
	doc  demoDocument
}

// Run runs the demo.
func (c *DemoCmd) Run(ctx context.Context, talk *ui.UI) (err error) {
	dir, cleanUp, err := c.folder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	d := &demo{ctx: ctx, talk: talk, dir: dir, doc: demoDocument{Schema: "hangkit/demo/1", Steps: []demoStep{}}}
	if err := d.walk(); err != nil {
		return err
	}
	if c.Keep != "" {
		d.doc.Folder = dir
	}
	if talk.JSON {
		return talk.Document(d.doc)
	}
	return nil
}

func (c *DemoCmd) folder() (dir string, cleanUp func() error, err error) {
	if c.Keep != "" {
		return c.Keep, func() error { return nil }, os.MkdirAll(c.Keep, 0o700)
	}
	dir, err = os.MkdirTemp("", "hangkit-demo-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// walk tells the story. Every step is the real command, run as a user would.
func (d *demo) walk() error {
	disk := d.path("server.img")
	d.say("A server hangs now and then. Its disk, made up for this demo:")
	if err := makeDemoDisk(disk); err != nil {
		return fmt.Errorf("making the disk: %w", err)
	}
	record := d.path("undo.json")
	out := d.path("out")
	steps := []func() error{
		func() error { return d.hangkit(ui.OK, "list", disk) },
		d.telling("Would the next hang leave a dump?", func() error { return d.hangkit(ui.NotReady, "check", disk, "--ram", demoMemory) }),
		d.telling("No. Arm it for the next boot:", func() error {
			return d.hangkit(ui.OK, "arm", disk, "--ram", demoMemory, "--yes", "--record", record)
		}),
		func() error { return d.hangkit(ui.OK, "check", disk, "--ram", demoMemory) },
		d.telling("The server is started, hangs, and is sent an NMI. Windows writes its memory into the page file,\nbeneath the file system. The next boot hangs too, so nothing ever turns that into MEMORY.DMP.",
			func() error { return crashDemoDisk(disk) }),
		d.telling("Get it out:", func() error { return d.hangkit(ui.OK, "collect", disk, "-o", out) }),
		func() error { return d.verifyAll(out) },
		d.telling("Done with this machine: put its settings back.", func() error {
			return d.hangkit(ui.OK, "undo", disk, "--record", record, "--yes")
		}),
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	d.say("\nThat was the way from a hang to a verified dump.")
	return nil
}

// say tells the story on standard output: in a demo, it is the result.
func (d *demo) say(text string) {
	if !d.talk.JSON {
		d.talk.Printf("%s\n", text)
	}
}

func (d *demo) telling(text string, step func() error) func() error {
	return func() error {
		d.say("\n" + text)
		return step()
	}
}

// hangkit runs one command and demands the status that the story needs.
func (d *demo) hangkit(want ui.Status, args ...string) error {
	line := "hangkit " + strings.Join(args, " ")
	d.say("\n$ " + line)
	out, errOut := d.talk.Out(), d.talk.Err()
	if d.talk.JSON {
		out, errOut = discard{}, discard{}
	}
	got := run(d.ctx, args, strings.NewReader(""), out, errOut)
	d.doc.Steps = append(d.doc.Steps, demoStep{line, got})
	if d.ctx.Err() != nil {
		return d.ctx.Err()
	}
	if got != want {
		return fmt.Errorf("%s: exit status %d, want %d", line, got, want)
	}
	return nil
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (d *demo) verifyAll(out string) error {
	dumps, err := filepath.Glob(filepath.Join(out, "hangkit-*", collect.DumpsFolder, "*.dmp"))
	if err != nil {
		return err
	}
	if len(dumps) == 0 {
		return errors.New("collect left no dump")
	}
	for _, name := range dumps {
		if err := d.hangkit(ui.OK, "dump", "verify", name); err != nil {
			return err
		}
	}
	return nil
}
