package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/offline/crashconfig"
	"hangkit/offline/internal/ui"
	"hangkit/offline/sampledisk"
	"hangkit/offline/windows/sample"
)

// ImageSampleCmd makes the disk of a made-up Windows.
type ImageSampleCmd struct {
	Output     string       `short:"o" required:"" placeholder:"FILE" help:"New file for the disk."`
	Force      bool         `help:"Replace the file if there is one. A device is never written."`
	Windows    string       `enum:"xp,2003,7,8.1,10,11,2016,2019,2022,2025" default:"11" help:"Which Windows: ${enum}."`
	Arch       string       `enum:"auto,x86,x64,arm64" default:"auto" help:"Of which processor: ${enum}."`
	State      string       `enum:"${sample_states}" default:"clean" help:"How it was left: ${sample_states_list}."`
	Format     string       `enum:"raw,vhd,vhdx,qcow2" default:"raw" help:"Of the file: ${enum}. All are sparse; VHD is dynamic."`
	Size       diskSizeFlag `placeholder:"SIZE" default:"64G" help:"Of the disk, 512M at least. Default: ${default}."`
	RAM        sizeFlag     `name:"ram" placeholder:"SIZE" default:"8G" help:"Memory of its machine, which the size of the page file goes by. Default: ${default}."`
	Platform   string       `placeholder:"NAME" default:"vmware" help:"What its machine is: ${sample_platforms}. Default: ${default}."`
	Dump       string       `enum:"default,automatic,kernel,complete,small,none" default:"default" help:"The dump it is set to write: ${enum}."`
	DumpSize   diskSizeFlag `placeholder:"SIZE" help:"About how large the dump is that lies on it. Default: 16M; small dumps have a size of their own."`
	Fragments  int          `placeholder:"N" help:"Pieces that the file with the dump, or else the page file, lies in."`
	Seed       uint64       `placeholder:"N" default:"1" help:"Chooses everything that is random. The same flags make the same file. Default: ${default}."`
	BitLocker  string       `name:"bitlocker" enum:"${sample_ciphers}" default:"off" help:"Encrypt the Windows volume: ${sample_ciphers_list}. The recovery password is printed."`
	Protectors []string     `enum:"password,startup-key,suspended" sep:"," placeholder:"LIST" help:"What unlocks it beside the recovery password: ${enum}. A startup key is put beside the disk."`
}

// Help is the command's long help.
func (*ImageSampleCmd) Help() string {
	return `Makes the disk of a Windows that never was: partitions, boot store, NTFS, registry and
page file as that version has them, and what its state left. It does not boot. The
file is sparse, and appears only when it is whole.

States: clean; hung (switched off: the journal waits to be replayed); dirty-volume
(and chkdsk is asked for); torn (and power cut writes off); dirty-hive (only the log
of SYSTEM knows that dumps were switched off); crashed (a dump in the page file,
journal and registry unfinished); dump-in-pagefile (all else clean); memory-dmp (the
next start made it a file); hibernated; resuming; fast-startup.

    hangkit image sample -o win11.img
    hangkit image sample -o a.vhdx --format vhdx --windows 2022 --platform kvm
    hangkit image sample -o xp.img --windows xp --size 2G --state dirty-hive
    hangkit image sample -o c.img --state crashed --dump-size 1G --fragments 500
    hangkit image sample -o b.img --bitlocker xts-aes128 --protectors password

EXIT STATUS: 0 done; 1 failed, the file exists; 4 the file is a device, or in use; 80
wrong usage, such as a state or processor that this Windows does not have; 130
interrupted.`
}

// diskSizeFlag is a size in bytes: 64G, 512M.
type diskSizeFlag int64

// UnmarshalText parses the flag.
func (s *diskSizeFlag) UnmarshalText(text []byte) error {
	n, err := crashconfig.ParseSize(string(text))
	*s = diskSizeFlag(n)
	return err
}

// sampleCiphers are what BitLocker can encrypt with.
var sampleCiphers = []string{"off", "aes128-cbc-diffuser", "aes256-cbc-diffuser", "aes128-cbc", "aes256-cbc", "xts-aes128", "xts-aes256"}

// sampleVars are what the help of the command lists.
func sampleVars() map[string]string {
	var states []string
	for _, s := range sampledisk.States() {
		states = append(states, string(s))
	}
	return map[string]string{
		"sample_states": strings.Join(states, ","), "sample_states_list": strings.Join(states, ", "),
		"sample_ciphers": strings.Join(sampleCiphers, ","), "sample_ciphers_list": strings.Join(sampleCiphers, ", "),
		"sample_platforms": strings.Join(sample.Platforms(), ", "),
	}
}

type sampleDocument struct {
	Schema     string          `json:"schema"`
	File       string          `json:"file"`
	Format     string          `json:"format"`
	Size       int64           `json:"size"`
	Seed       uint64          `json:"seed"`
	Windows    string          `json:"windows"`
	Arch       string          `json:"arch"`
	State      string          `json:"state"`
	Partitions []samplePart    `json:"partitions"`
	PageFile   int64           `json:"page_file"`
	Dump       *sampleDump     `json:"dump,omitempty"`
	BitLocker  *sampleUnlocked `json:"bitlocker,omitempty"`
}

type samplePart struct {
	Number int    `json:"number"`
	Type   string `json:"type"`
	Start  int64  `json:"start"`
	Size   int64  `json:"size"`
}

type sampleDump struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

type sampleUnlocked struct {
	RecoveryPassword string `json:"recovery_password"`
	Password         string `json:"password,omitempty"`
	KeyFile          string `json:"key_file,omitempty"`
}

// Run makes the disk.
func (c *ImageSampleCmd) Run(ctx context.Context, talk *ui.UI) error {
	o, err := c.options()
	if err != nil {
		return ui.Fail(ui.Usage, err)
	}
	made, err := c.create(ctx, o)
	if errors.Is(err, sampledisk.ErrOptions) {
		return ui.Fail(ui.Usage, err)
	}
	if err != nil {
		return err
	}
	doc := c.document(o, made)
	if talk.JSON {
		return talk.Document(doc)
	}
	c.show(talk, doc)
	return nil
}

// options are the flags, as the room below names them.
func (c *ImageSampleCmd) options() (sampledisk.Options, error) {
	o := sampledisk.Options{
		State: sampledisk.State(c.State), RAM: int64(c.RAM), DumpSize: int64(c.DumpSize), Fragments: c.Fragments, Seed: c.Seed,
	}
	w, err := sample.Windows(c.Windows, map[string]string{"x86": sample.X86, "x64": sample.AMD64, "arm64": sample.ARM64}[c.Arch])
	if err != nil {
		return o, err
	}
	if o.Windows, err = w.On(c.Platform, sampledisk.UUID(c.Seed)); err != nil {
		return o, err
	}
	if err := c.setDumpType(&o.Windows); err != nil {
		return o, err
	}
	o.BitLocker, err = c.bitLocker()
	return o, err
}

// setDumpType overrides what this Windows is set to when it is new.
func (c *ImageSampleCmd) setDumpType(o *sample.Options) error {
	if c.Dump == "default" {
		return nil
	}
	if c.Dump == "automatic" && o.DumpType != automaticDump {
		return fmt.Errorf("Windows %s knows no automatic dump", c.Windows) //nolint:staticcheck // Windows is a name
	}
	o.DumpType = map[string]uint32{"none": 0, "complete": 1, "kernel": 2, "small": 3, "automatic": automaticDump}[c.Dump]
	return nil
}

// automaticDump is CrashDumpEnabled of a new Windows 8 or later.
const automaticDump = 7

func (c *ImageSampleCmd) bitLocker() (*sampledisk.BitLocker, error) {
	if c.BitLocker == "off" {
		if len(c.Protectors) > 0 {
			return nil, errors.New("--protectors are those of an encrypted volume: name a method with --bitlocker")
		}
		return nil, nil
	}
	b := &sampledisk.BitLocker{Method: map[string]bitlocker.Method{
		"aes128-cbc-diffuser": bitlocker.CBC128Elephant, "aes256-cbc-diffuser": bitlocker.CBC256Elephant,
		"aes128-cbc": bitlocker.CBC128, "aes256-cbc": bitlocker.CBC256,
		"xts-aes128": bitlocker.XTS128, "xts-aes256": bitlocker.XTS256,
	}[c.BitLocker]}
	for _, p := range c.Protectors {
		switch p {
		case "password":
			b.Password = true
		case "startup-key":
			b.KeyFile = true
		case "suspended":
			b.Suspended = true
		}
	}
	return b, nil
}

// create makes the file, which gets its name when it is whole.
func (c *ImageSampleCmd) create(ctx context.Context, o sampledisk.Options) (made *sampledisk.Disk, err error) {
	if err := mayCreateImage(c.Output, c.Force); err != nil {
		return nil, err
	}
	temp, err := os.CreateTemp(filepath.Dir(c.Output), ".hangkit-*.tmp") // mode 0600
	if err != nil {
		return nil, err
	}
	defer func() {
		if gone := os.Remove(temp.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	made, err = sampledisk.Create(temp, sampledisk.Format(c.Format), int64(c.Size), o, func(d image.Disk) image.Disk {
		return stoppable{d, ctx}
	})
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // not everything between here and the disk hands errors on whole
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return nil, err
	}
	if err := c.keep(temp.Name(), made); err != nil {
		return nil, err
	}
	return made, syncDir(filepath.Dir(c.Output))
}

// keep gives the finished file its name, and leaves the startup key beside it.
func (c *ImageSampleCmd) keep(temp string, made *sampledisk.Disk) error {
	if key := c.keyFile(made); key != "" {
		if err := keepKey(key, made.Unlock.KeyFile); err != nil {
			return err
		}
	}
	if c.Force {
		return os.Rename(temp, c.Output)
	}
	return settle(temp, c.Output)
}

// keepKey writes a startup key. That of another sample with the same seed is the same.
func keepKey(name string, key []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, key) {
		return nil
	}
	return newFile(name, func(w io.Writer) error {
		_, err := w.Write(key)
		return err
	})
}

// keyFile is where the startup key goes, if there is one.
func (c *ImageSampleCmd) keyFile(made *sampledisk.Disk) string {
	if made.Unlock == nil || len(made.Unlock.KeyFile) == 0 {
		return ""
	}
	return filepath.Join(filepath.Dir(c.Output), made.Unlock.KeyFileName)
}

// mayCreateImage says whether the name may be taken: nothing but an image that nobody uses is replaced,
// and only when asked to.
func mayCreateImage(name string, force bool) error {
	if err := notALog(name); err != nil {
		return err
	}
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir() || info.Mode().Type() != 0:
		return ui.Fail(ui.Refused, fmt.Errorf("%s is no regular file, and is never replaced", name), "name a file")
	case !force:
		return ui.Fail(ui.Failed, fmt.Errorf("%s exists, and is not replaced", name), "name another file, or add --force")
	}
	f, err := image.Open(name, true)
	if errors.Is(err, image.ErrBusy) {
		return err
	}
	if err == nil {
		return f.Close()
	}
	return nil // whatever it is, nobody holds it
}

// stoppable is a disk that takes no more writes once the user has had enough.
type stoppable struct {
	image.Disk
	ctx context.Context //nolint:containedctx // a disk's methods have no other way to hear of it
}

func (s stoppable) WriteAt(p []byte, off int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.Disk.WriteAt(p, off)
}

func (c *ImageSampleCmd) document(o sampledisk.Options, made *sampledisk.Disk) *sampleDocument {
	doc := &sampleDocument{
		Schema: "hangkit/image-sample/1", File: c.Output, Format: c.Format, Size: int64(c.Size), Seed: c.Seed,
		Windows: c.Windows, Arch: strings.ToLower(o.Windows.Arch), State: c.State, PageFile: made.PageFile,
	}
	for _, p := range made.Table.Partitions {
		doc.Partitions = append(doc.Partitions, samplePart{p.Number, p.TypeName, p.Start, p.Size})
	}
	if made.Dump != nil {
		doc.Dump = &sampleDump{made.Dump.Path, made.Dump.Size}
	}
	if u := made.Unlock; u != nil {
		doc.BitLocker = &sampleUnlocked{u.RecoveryPassword, u.Password, c.keyFile(made)}
	}
	return doc
}

func (c *ImageSampleCmd) show(talk *ui.UI, doc *sampleDocument) {
	talk.Printf("%s: %s, %s, Windows %s (%s), %s\n", printable(doc.File), ui.FormatSize(doc.Size), doc.Format, doc.Windows, doc.Arch, doc.State)
	for _, p := range doc.Partitions {
		talk.Printf("  partition %d  %-18s  %s\n", p.Number, p.Type, ui.FormatSize(p.Size))
	}
	talk.Printf("  page file    %s\n", ui.FormatSize(doc.PageFile))
	if doc.Dump != nil {
		talk.Printf("  dump         %s in %s\n", ui.FormatSize(doc.Dump.Size), doc.Dump.Path)
	}
	if b := doc.BitLocker; b != nil {
		talk.Printf("  recovery password  %s\n", b.RecoveryPassword)
		if b.Password != "" {
			talk.Printf("  password           %s\n", b.Password)
		}
		if b.KeyFile != "" {
			talk.Printf("  startup key        %s\n", printable(b.KeyFile))
		}
	}
	talk.Talkf("look at it with: hangkit list %s\n", quotePath(c.Output))
}
