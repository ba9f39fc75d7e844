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
	Data     diskSizeFlag `placeholder:"SIZE" help:"Of a partition for dumps behind the system. Default: none in a file, all the room of a device."`
	Commands string       `name:"run" placeholder:"COMMANDS" help:"Run these without a person, then power off."`
	Packages string       `placeholder:"DIR" help:"Take Debian's packages from this folder, and nothing from the network."`
	Binary   string       `placeholder:"FILE" help:"The hangkit for Linux that goes onto it. Default: this program."`
	Kernel   string       `and:"own" placeholder:"FILE" help:"A kernel of your own in place of Debian's."`
	Modules  string       `and:"own" placeholder:"DIR" help:"Its modules: the folder lib/modules/RELEASE."`
	DryRun   bool         `short:"n" help:"Show what would be erased, and change nothing."`
	Yes      bool         `short:"y" help:"Do not ask before a device is erased, if all it holds is known."`
}

// Help is the command's long help.
func (*ImageLiveCmd) Help() string {
	return `Makes the rescue stick: one file for a USB stick, a CD, or a server's virtual drive.
It starts by BIOS and by UEFI, with Secure Boot on, has no network, and writes to no
disk unasked. It is made of Debian's signed kernel and boot loaders, which curl or
wget fetches once (110 MB): each is pinned by its SHA-256. The same program, flags
and packages make the same file. Nothing needs root but writing to a device.

    hangkit image live -o hangkit.iso
    hangkit image live -o /dev/sdX
    hangkit image live -o stick.img --data 8G
    hangkit image live -o fleet.iso --run "check; collect -o stick:"
    hangkit image live -o arm.iso --arch arm64 --binary hangkit-linux-arm64

The partition for dumps is exFAT, HANGKIT by name, and every system reads it. With
--run the stick works alone: see "hangkit menu --help" for how it does otherwise.
A kernel of your own starts only where Secure Boot is off or knows its key.

EXIT STATUS: 0 done; 1 failed; 4 refused: the device is in use, or holds a Windows
or, with --yes, what is not known here; 5 a package is not the pinned one; 6 a package
or the device is missing; 80 wrong usage; 130 interrupted.`
}

// liveRules are what this room's errors mean.
var liveRules = []struct {
	is     error
	status ui.Status
	hint   string
}{
	{live.ErrUntrusted, ui.Damaged, "delete the file: it is fetched again"},
	{live.ErrFormat, ui.Damaged, ""},
	{live.ErrProgram, ui.Usage, "name the one for Linux on that processor with --binary"},
	{live.ErrCommands, ui.Usage, ""},
	{live.ErrNoRoom, ui.Usage, ""},
}

// Run makes the medium.
func (c *ImageLiveCmd) Run(ctx context.Context, talk *ui.UI) error {
	device, err := c.isDevice()
	if err != nil {
		return err
	}
	if device {
		return c.makeStick(ctx, talk)
	}
	if err := mayCreateImage(c.Output, c.Force); err != nil || c.DryRun {
		return err
	}
	m, err := c.build(ctx, talk)
	if err != nil {
		return err
	}
	size, err := c.writeFile(ctx, m)
	if err != nil {
		return explainLive(err)
	}
	return c.show(talk, m, size)
}

// isDevice tells whether a device is to be written, and no file.
func (c *ImageLiveCmd) isDevice() (bool, error) {
	if image.IsDevice(c.Output) {
		return true, nil
	}
	info, err := os.Stat(c.Output)
	switch {
	case err == nil && info.Mode().Type() == os.ModeDevice:
		return true, nil
	case isDeviceFolder(filepath.Dir(c.Output)):
		return false, ui.WithEffect(ui.Fail(ui.NotFound, fmt.Errorf("there is no disk %s", c.Output), "hangkit list names the disks"), ui.Unchanged)
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return false, err
}

func (c *ImageLiveCmd) build(ctx context.Context, talk *ui.UI) (*live.Medium, error) {
	o, finish, err := c.options(talk)
	if err != nil {
		return nil, err
	}
	defer finish()
	m, err := live.Build(ctx, o)
	if errors.Is(err, live.ErrOffline) || errors.Is(err, live.ErrNoDownloader) {
		return nil, ui.Fail(ui.NotFound, err, missingPackages(o.Lock)...)
	}
	return m, explainLive(err)
}

func explainLive(err error) error {
	for _, r := range liveRules {
		if errors.Is(err, r.is) {
			if r.hint == "" {
				return ui.Fail(r.status, err)
			}
			return ui.Fail(r.status, err, r.hint)
		}
	}
	return err
}

// missingPackages says how to get what cannot be fetched from here.
func missingPackages(lock *live.Lock) []string {
	hints := []string{"fetch these on another machine, and name their folder with --packages:"}
	for _, p := range lock.Packages {
		hints = append(hints, lock.URLs(p)[0])
	}
	return hints
}

func (c *ImageLiveCmd) options(talk *ui.UI) (o live.Options, finish func(), err error) {
	o = live.Options{Arch: c.arch(), Version: version().Version, Run: c.Commands, Kernel: c.Kernel, Modules: c.Modules}
	if o.Lock, err = live.LockFor(o.Arch); err != nil {
		return o, nil, err
	}
	if o.Program, err = c.program(); err != nil {
		return o, nil, err
	}
	o.Store = &live.Store{Dir: c.Packages, Offline: c.Packages != ""}
	if o.Store.Dir == "" {
		if o.Store.Dir, err = live.CacheDir(); err != nil {
			return o, nil, err
		}
	}
	show, finish := talk.Progress("Debian packages")
	o.Store.Progress = show
	return o, finish, nil
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
func (c *ImageLiveCmd) writeFile(ctx context.Context, m *live.Medium) (size int64, err error) {
	temp, err := os.CreateTemp(filepath.Dir(c.Output), ".hangkit-*.tmp")
	if err != nil {
		return 0, err
	}
	defer func() {
		if gone := os.Remove(temp.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	data := int64(live.NoData)
	size = m.Disk.Size()
	if c.Data > 0 {
		data = int64(c.Data)
		size += data
	}
	if err := errors.Join(temp.Truncate(size), temp.Close()); err != nil {
		return 0, err
	}
	disk, err := image.Open(temp.Name(), true)
	if err != nil {
		return 0, err
	}
	err = m.Write(ctx, disk, data, func(int64, int64) {})
	if err = errors.Join(err, disk.Close()); err != nil {
		return 0, err
	}
	return size, c.keep(temp.Name())
}

// keep gives the finished file its name.
func (c *ImageLiveCmd) keep(temp string) error {
	name := settle
	if c.Force {
		name = os.Rename
	}
	if err := name(temp, c.Output); err != nil {
		return err
	}
	return syncDir(filepath.Dir(c.Output))
}

type liveDocument struct {
	Schema   string            `json:"schema"`
	Output   string            `json:"output"`
	Size     int64             `json:"size"`
	Arch     string            `json:"arch"`
	Build    string            `json:"build"`
	Kernel   string            `json:"kernel"`
	Modules  int               `json:"modules"`
	Packages []live.Provenance `json:"packages"`
}

func (c *ImageLiveCmd) show(talk *ui.UI, m *live.Medium, size int64) error {
	if talk.JSON {
		return talk.Document(liveDocument{"hangkit/image-live/1", c.Output, size, c.arch(), m.Build, m.Kernel, m.Modules, m.Provenance})
	}
	talk.Printf("%s: %s, %s, build %s\n", printable(c.Output), ui.FormatSize(size), c.arch(), m.Build)
	talk.Printf("  kernel  %s, %d modules\n", m.Kernel, m.Modules)
	for _, p := range m.Provenance {
		talk.Verbosef("  %s %s\n", p.Name, p.Version)
	}
	talk.Talkf("BitLocker may ask for the recovery key after another start: have it at hand first\n")
	return nil
}
