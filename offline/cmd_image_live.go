package offline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"hangkit/image"
	"hangkit/image/live"
	"hangkit/offline/internal/ui"
)

// ImageLiveCmd makes the rescue stick.
type ImageLiveCmd struct {
	Output   string       `short:"o" required:"" placeholder:"FILE" help:"New file (.iso, .img), or the device of a USB stick, which is erased."`
	Force    bool         `help:"Replace the file if there is one."`
	Arch     string       `enum:"auto,amd64,arm64" default:"auto" help:"Processor of the machines it starts: ${enum}. Default: this one's."`
	Data     diskSizeFlag `placeholder:"SIZE" help:"Of a partition for dumps behind the system, exFAT. Default: none in a file, all the room on a device."`
	Commands string       `name:"run" placeholder:"COMMANDS" help:"Run these without a person, then power off: \"check; collect -o stick:\"."`
	Packages string       `placeholder:"DIR" help:"Take Debian's packages from this folder, and nothing from the network."`
	Binary   string       `placeholder:"FILE" help:"The hangkit for Linux that goes onto it. Default: this program."`
	Yes      bool         `short:"y" help:"Do not ask before a device is erased."`
}

// arch is the processor that is meant.
func (c *ImageLiveCmd) arch() string {
	switch {
	case c.Arch != "auto":
		return c.Arch
	case runtime.GOARCH == "arm64":
		return "arm64"
	}
	return "amd64"
}

// Run makes the medium.
func (c *ImageLiveCmd) Run(ctx context.Context, talk *ui.UI) error {
	if err := mayCreateImage(c.Output, c.Force); err != nil {
		return err
	}
	o, finish, err := c.options(talk)
	if err != nil {
		return err
	}
	m, err := live.Build(ctx, o)
	finish()
	if err != nil {
		return err
	}
	return c.writeFile(ctx, talk, m)
}

func (c *ImageLiveCmd) options(talk *ui.UI) (o live.Options, finish func(), err error) {
	program, err := c.program()
	if err != nil {
		return o, nil, err
	}
	store := &live.Store{Dir: c.Packages, Offline: c.Packages != ""}
	if store.Dir == "" {
		if store.Dir, err = live.CacheDir(); err != nil {
			return o, nil, err
		}
	}
	show, finish := talk.Progress("Debian packages")
	store.Progress = func(_ string, done, total int64) { show(done, total) }
	return live.Options{Arch: c.arch(), Version: version().Version, Program: program, Run: c.Commands, Store: store}, finish, nil
}

// program reads the hangkit that is to be the medium's init.
func (c *ImageLiveCmd) program() ([]byte, error) {
	name := c.Binary
	if name == "" {
		if runtime.GOOS != "linux" || runtime.GOARCH != c.arch() {
			return nil, ui.Fail(ui.Usage, fmt.Errorf("this is not the hangkit for Linux on %s", c.arch()), "name that one with --binary")
		}
		var err error
		if name, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(name)
}

// writeFile makes the file, which gets its name when it is whole.
func (c *ImageLiveCmd) writeFile(ctx context.Context, talk *ui.UI, m *live.Medium) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(c.Output), ".hangkit-*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if gone := os.Remove(temp.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	data := int64(live.NoData)
	size := m.Disk.Size()
	if c.Data > 0 {
		data = int64(c.Data)
		size += data
	}
	if err := errors.Join(temp.Truncate(size), temp.Close()); err != nil {
		return err
	}
	disk, err := image.Open(temp.Name(), true)
	if err != nil {
		return err
	}
	if err := errors.Join(m.Write(ctx, disk, data, func(int64, int64) {}), disk.Close()); err != nil {
		return err
	}
	if c.Force {
		err = os.Rename(temp.Name(), c.Output)
	} else {
		err = settle(temp.Name(), c.Output)
	}
	if err != nil {
		return err
	}
	talk.Printf("%s: %s, build %s, kernel %s, %d modules\n", printable(c.Output), ui.FormatSize(size), m.Build, m.Kernel, m.Modules)
	return syncDir(filepath.Dir(c.Output))
}
