package offline

import (
	"fmt"
	"strings"

	"hangkit/collect"
	"hangkit/image"
	"hangkit/offline/crashconfig"
)

// sizeFlag is a machine's memory in bytes, as a user writes it: 16G, 512M.
type sizeFlag int64

// UnmarshalText parses the flag.
func (s *sizeFlag) UnmarshalText(text []byte) error {
	n, err := crashconfig.ParseRAM(string(text))
	*s = sizeFlag(n)
	return err
}

// partFlag is the size of the parts a copy is cut into: 4000M, 1G.
type partFlag int64

// minPart keeps the parts from becoming more than a folder should hold.
const minPart = 1 << 20

// UnmarshalText parses the flag.
func (p *partFlag) UnmarshalText(text []byte) error {
	n, err := crashconfig.ParseSize(string(text))
	if err == nil && n < minPart {
		err = fmt.Errorf("parts of %d bytes are too small: say M or G", n)
	}
	*p = partFlag(n)
	return err
}

// String is the size as it can be said again, in MiB if it can be: the least part is one.
func (p partFlag) String() string {
	if p%minPart == 0 {
		return fmt.Sprintf("%dM", p/minPart)
	}
	return fmt.Sprint(int64(p))
}

// recipientFlag is somebody to encrypt to. A key that is none fails before anything
// is read.
type recipientFlag struct{ collect.Recipient }

// UnmarshalText parses the flag.
func (r *recipientFlag) UnmarshalText(text []byte) (err error) {
	r.Recipient, err = collect.ParseRecipient(string(text))
	return err
}

// dumpFlag is the kind of dump asked for.
type dumpFlag struct{ crashconfig.DumpType }

// UnmarshalText parses the flag.
func (d *dumpFlag) UnmarshalText(text []byte) (err error) {
	d.DumpType, err = crashconfig.ParseDumpType(string(text))
	return err
}

// keyboardFlag is the key combination that crashes Windows; nil leaves the default.
type keyboardFlag struct {
	*crashconfig.Combination
	List bool // print what there is, instead of arming anything
}

// UnmarshalText parses the flag.
func (k *keyboardFlag) UnmarshalText(text []byte) error {
	if k.List = string(text) == "list"; k.List {
		return nil
	}
	c, err := crashconfig.ParseCombination(string(text))
	k.Combination = &c
	return err
}

// pageFileFlag is the page file asked for on one drive.
type pageFileFlag struct{ crashconfig.PageFileRequest }

// UnmarshalText parses the flag.
func (p *pageFileFlag) UnmarshalText(text []byte) (err error) {
	p.PageFileRequest, err = crashconfig.ParsePageFile(string(text))
	return err
}

// profileFlag is a set of settings with a name.
type profileFlag struct{ crashconfig.Profile }

// UnmarshalText parses the flag.
func (p *profileFlag) UnmarshalText(text []byte) (err error) {
	p.Profile, err = crashconfig.ParseProfile(string(text))
	return err
}

// dedicatedFlag is the dedicated dump file asked for; nil means none.
type dedicatedFlag struct{ *crashconfig.Dedicated }

// UnmarshalText parses the flag.
func (d *dedicatedFlag) UnmarshalText(text []byte) error {
	dedicated, err := crashconfig.ParseDedicated(string(text))
	d.Dedicated = &dedicated
	return err
}

// ImageFlags say more about a disk image than its content does. They are the same wherever
// one can be named.
type ImageFlags struct {
	Format  formatFlag  `placeholder:"FORMAT" help:"What the image is: raw, vhd, vhdx, qcow2, vmdk, vdi or ewf; after commas, what those are that it lies on, from the top down. Default: auto, its content and name say, and each image of the one below it."`
	BaseDir baseDirFlag `name:"base-dir" sep:"none" placeholder:"DIR" help:"Folder in which files that the image names may lie, besides its own. May be repeated."`
}

// formatFlag is what the user says an image is, and those below it.
type formatFlag struct{ claims []image.Claim }

// UnmarshalText parses the flag.
func (f *formatFlag) UnmarshalText(text []byte) error {
	for name := range strings.SplitSeq(string(text), ",") {
		c, err := image.ParseClaim(name)
		if err != nil {
			return err
		}
		f.claims = append(f.claims, c)
	}
	return nil
}

// String is the flag as it can be said again, empty if it was not.
func (f formatFlag) String() string {
	var names []string
	for _, c := range f.claims {
		names = append(names, c.String())
	}
	return strings.Join(names, ",")
}

// AfterApply is called by the parser.
func (f formatFlag) AfterApply(globals *Globals) error {
	globals.Image.Format = f
	return nil
}

// baseDirFlag is folders.
type baseDirFlag []string

// AfterApply is called by the parser.
func (f baseDirFlag) AfterApply(globals *Globals) error {
	globals.Image.BaseDir = f
	return nil
}

// options are what the flags mean.
func (f ImageFlags) options() image.Options {
	return image.Options{Claims: f.Format.claims, Folders: f.BaseDir}
}

// again says the flags once more, for the next command.
func (f ImageFlags) again() string {
	text := ""
	if format := f.Format.String(); format != "" {
		text = " --format " + format
	}
	for _, dir := range f.BaseDir {
		text += " --base-dir " + quotePath(dir)
	}
	return text
}

// choice turns a pair of flags, --x and --no-x, into one setting.
func choice(given *bool) crashconfig.Choice {
	switch {
	case given == nil:
		return crashconfig.ByDefault
	case *given:
		return crashconfig.Yes
	}
	return crashconfig.No
}
