package offline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/offline/internal/cmdline"
	"hangkit/offline/internal/ui"
)

// ManCmd prints the manual pages.
type ManCmd struct {
	Page   []string `arg:"" optional:"" help:"Command whose page is meant, such as arm, or hive get. Default: hangkit itself."`
	Output string   `short:"o" placeholder:"DIR" help:"Write the pages of all commands into this folder, as hangkit.1, hangkit-arm.1, …"`
}

// Help is the command's long help.
func (*ManCmd) Help() string {
	return `Prints a manual page, for man to show, or writes all of them. They are made from the
same facts as --help.

    hangkit man arm | man -l -
    hangkit man hive get | man -l -
    hangkit man -o ~/.local/share/man/man1

EXIT STATUS: 0 done; 1 failed, a page exists; 6 no such command; 80 wrong usage.`
}

// Validate checks what cannot be meant together.
func (c *ManCmd) Validate() error {
	if c.Output != "" && len(c.Page) > 0 {
		return errors.New("-o writes all pages: name none")
	}
	return nil
}

type manDocument struct {
	Schema string    `json:"schema"`
	Pages  []manPage `json:"pages"`
}

type manPage struct {
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	Text string `json:"text,omitempty"` // where it is in no file
}

// environment is what hangkit takes from its environment.
var environment = [][2]string{
	{keyVariable, "Recovery password or password that unlocks BitLocker volumes, where --bitlocker-key names no file."},
	{stickVariable, "Folder of the rescue stick: what stick: stands for, and where collect and arm put their files if no other place is named."},
	{"TERM", "No progress bar is drawn where this is dumb."},
}

// Run prints the page, or writes all.
func (c *ManCmd) Run(ctx context.Context, talk *ui.UI) error {
	pages, err := manualPages(ctx, talk)
	if err != nil {
		return err
	}
	doc := manDocument{Schema: "hangkit/man/1"}
	if c.Output != "" {
		doc.Pages, err = writePages(c.Output, pages)
	} else {
		doc.Pages, err = c.choose(pages)
	}
	if err != nil {
		return err
	}
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, p := range doc.Pages {
		if p.File != "" {
			talk.Printf("%s\n", p.File)
		}
		talk.Printf("%s", p.Text)
	}
	return nil
}

func (c *ManCmd) choose(pages []cmdline.Page) ([]manPage, error) {
	name := strings.Join(append([]string{"hangkit"}, c.Page...), "-")
	i := slices.IndexFunc(pages, func(p cmdline.Page) bool { return p.Name == name })
	if i < 0 {
		return nil, ui.Fail(ui.NotFound, fmt.Errorf("there is no command %q", strings.Join(c.Page, " ")), "run 'hangkit --help'")
	}
	return []manPage{{Name: name, Text: pages[i].Text}}, nil
}

// writePages writes pages as files that everybody may read, and replaces none.
func writePages(dir string, pages []cmdline.Page) (written []manPage, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, p := range pages {
		name := filepath.Join(dir, p.Name+".1")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return written, err
		}
		_, err = f.WriteString(p.Text)
		if err := errors.Join(err, f.Close()); err != nil {
			return written, err
		}
		written = append(written, manPage{Name: p.Name, File: name})
	}
	return written, nil
}

func manualPages(ctx context.Context, talk *ui.UI) ([]cmdline.Page, error) {
	root, err := wholeModel(ctx, talk)
	if err != nil {
		return nil, err
	}
	v := version()
	date, _, _ := strings.Cut(v.Date, "T")
	return cmdline.Manual{Root: root, Version: v.Version, Date: date, Environment: environment}.Pages(), nil
}
