//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/ulikunitz/xz"

	"hangkit/hive"
	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/ntfs/format"
	"hangkit/offline/windows/sample"
)

const (
	checkedSize = 2 << 30
	programs    = 3000 // in System32, where a search must find its way
	pageFile    = 512 << 20

	// What check may take, in seconds.
	checkLimit  = 0.3
	lockedLimit = 1.0

	// realHive is what Windows 10 wrote, with its logs applied.
	realHive = "hives/real/SYSTEM_B/SYSTEM_B.expected.xz"
)

// foundProblems is the exit status of a check that did its work.
const foundProblems = 7

// checkedDisk is a disk with an MBR and one NTFS volume with a Windows.
type checkedDisk struct {
	raw    string
	part   image.Partition
	volume string // that of the volume alone, where another program asks for it; "" if locked
}

func (c checkedDisk) locked() bool { return c.volume == "" }

// compareCheck prints how long it takes to judge a machine by its registry. The peers only
// get at one value of it.
func (b *bench) compareCheck(ctx context.Context) error {
	system, words, err := systemHive()
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "check: a disk of 2 GiB, NTFS, with %s of %d KiB\n\n", words, len(system)>>10)
	for _, locked := range []bool{false, true} {
		disk, err := b.makeChecked(ctx, system, locked)
		if err != nil {
			return err
		}
		for _, k := range []kind{{name: "raw"}, qcow2Kind, vhdxKind} {
			if err := b.checkIn(ctx, k, disk); err != nil {
				return err
			}
		}
		if err := errors.Join(os.Remove(disk.raw), os.RemoveAll(disk.volume)); err != nil {
			return err
		}
	}
	return nil
}

// systemHive is a real one where the samples are, and says so.
func systemHive() (data []byte, words string, err error) {
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "shared", "samples")
	}
	packed, err := os.ReadFile(filepath.Join(dir, realHive))
	if errors.Is(err, os.ErrNotExist) {
		data, err = built(sample.System)
		return data, "a made-up SYSTEM", err
	}
	if err != nil {
		return nil, "", err
	}
	r, err := xz.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, "", err
	}
	data, err = io.ReadAll(r)
	return data, "a real SYSTEM", err
}

func built(build func(sample.Options) (*hive.Hive, error)) ([]byte, error) {
	o := sample.Server()
	o.Now = day
	h, err := build(o)
	if err != nil {
		return nil, err
	}
	return h.Bytes()
}

// windowsTree is a Windows as far as check looks.
func windowsTree(system []byte) ([]format.Entry, error) {
	software, err := built(sample.Software)
	if err != nil {
		return nil, err
	}
	system32 := []format.Entry{{Name: "config", Dir: []format.Entry{
		{Name: "SYSTEM", Data: system}, {Name: "SOFTWARE", Data: software},
	}}}
	for i := range programs {
		system32 = append(system32, format.Entry{Name: fmt.Sprintf("library %05d.dll", i), Data: []byte("MZ")})
	}
	return []format.Entry{
		metadataFolder(), format.PageFile(pageFile, 1, nil),
		{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: system32}}},
	}, nil
}

func (b *bench) makeChecked(ctx context.Context, system []byte, locked bool) (c checkedDisk, err error) {
	c.raw = b.path("disk.img")
	disk, err := image.Create(c.raw, checkedSize)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	table, err := image.CreateMBR(disk, []image.NewPartition{{Type: image.TypeMBRNTFS, Active: true}}, 1)
	if err != nil {
		return c, err
	}
	c.part = table.Partitions[0]
	section, err := table.Open(disk, c.part)
	if err != nil {
		return c, err
	}
	tree, err := windowsTree(system)
	if err != nil {
		return c, err
	}
	volume := &tracked{Disk: section}
	layout, err := format.Build(volume, format.Options{Seed: 1, HiddenSectors: uint32(c.part.Start / sectorSize), Root: tree})
	if err != nil {
		return c, err
	}
	if locked {
		return c, lock(ctx, section, layout, bitlocker.XTS256, volume.used())
	}
	c.volume = b.path("volume.img")
	return c, saveRaw(section, c.volume)
}

// saveRaw writes a disk to a file of its own.
func saveRaw(d image.Disk, name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(d.Size()), copyWhole(d, d.Size(), f), f.Close())
}

// checkIn compares on the disk in one kind of image.
func (b *bench) checkIn(ctx context.Context, k kind, disk checkedDisk) error {
	name := disk.raw
	if k.format != "" {
		name = b.path("checked." + k.format)
		if err := k.pack(ctx, disk.raw, name); err != nil {
			return err
		}
		defer os.Remove(name)
	}
	list := ready(append([]contender{b.ourCheck(name, disk.locked())}, b.peersOf(k, name, disk)...))
	result, err := byTurns(ctx, list, b.runs)
	if err != nil {
		return err
	}
	title := k.name
	if disk.locked() {
		title += ", BitLocker XTS-AES-256"
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "check in %s\tseconds\tof processors\ttimes hangkit\t\n", title)
	for i, f := range result {
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.1f\t%s\n", list[i].name, f.wall, f.cpu, f.wall/result[0].wall, list[i].note(f))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (b *bench) ourCheck(name string, locked bool) contender {
	c := contender{
		name: "hangkit check", args: []string{b.path("hangkit"), "check", name, "--ram", "8G", "-q"},
		fine: []int{foundProblems}, limit: checkLimit,
	}
	if locked {
		c.env, c.limit = []string{"HANGKIT_BITLOCKER_KEY=" + recovery}, lockedLimit
	}
	return c
}

// peersOf are the ways to one value of the hive without hangkit.
func (b *bench) peersOf(k kind, name string, disk checkedDisk) []contender {
	volume, start := disk.volume, int64(0)
	if disk.locked() {
		volume, start = disk.raw, disk.part.Start
	}
	folder := b.path("peer")
	env := []string{
		"IMAGE=" + name, "FORMAT=" + k.format, "FOLDER=" + folder, "VOLUME=" + volume, "KEY=" + recovery,
		fmt.Sprintf("START=%d", start), fmt.Sprintf("PART=%d", disk.part.Start), fmt.Sprintf("SIZE=%d", disk.part.Size),
	}
	var list []contender
	for _, steps := range peerSteps(k.format != "", disk.locked()) {
		c := contender{env: env, out: folder, peer: true}
		script := "set -euo pipefail; mkdir -p \"$FOLDER\"\n"
		var names []string
		for _, s := range steps {
			names, c.needs, script = append(names, s.name), append(c.needs, s.needs...), script+s.script+"\n"
		}
		c.name, c.args = strings.Join(names, " + "), []string{"bash", "-c", script}
		list = append(list, c)
	}
	return list
}

// step is a part of a script.
type step struct {
	name   string
	needs  []string
	script string
}

// peerSteps are the scripts for a disk in a container or in a raw image, locked or not.
func peerSteps(contained, locked bool) [][]step {
	var small []step
	if contained {
		small = append(small, convertPart)
	}
	if locked {
		small = append(small, mountLocked)
	}
	small = append(small, getHive, getValue)
	if locked {
		return [][]step{small, {guestfishLocked, getValue}}
	}
	return [][]step{small, {guestfishPlain, getValue}, {virtWinReg}}
}

// VOLUME is the volume that the steps pass on, and START where it begins in there. The driver of
// dislocker-fuse stays a child, so that its time counts.
var (
	convertPart = step{"qemu-img convert", []string{"qemu-img"}, `
qemu-img convert -O raw --image-opts "driver=raw,offset=$PART,size=$SIZE,file.driver=$FORMAT,file.file.driver=file,file.file.filename=$IMAGE" "$FOLDER/volume"
VOLUME=$FOLDER/volume START=0`}
	mountLocked = step{"dislocker-fuse", []string{"dislocker-fuse", "fusermount"}, `
mkdir "$FOLDER/mounted"
dislocker-fuse -q -r -V "$VOLUME" -O "$START" -p"$KEY" -- "$FOLDER/mounted" -f & driver=$!
trap 'fusermount -u "$FOLDER/mounted"; wait $driver' EXIT
VOLUME=$FOLDER/mounted/dislocker-file
until [ -e "$VOLUME" ]; do kill -0 $driver; sleep 0.01; done`}
	getHive  = step{"ntfscat", []string{"ntfscat"}, `ntfscat "$VOLUME" Windows/System32/config/SYSTEM >"$FOLDER/SYSTEM"`}
	getValue = step{"hivexget", []string{"hivexget"}, `hivexget "$FOLDER/SYSTEM" 'ControlSet001\Control\CrashControl' CrashDumpEnabled`}

	guestfishPlain = step{"guestfish", []string{"guestfish"}, `
guestfish --ro -a "$IMAGE" run : mount-ro /dev/sda1 / : download /Windows/System32/config/SYSTEM "$FOLDER/SYSTEM"`}
	guestfishLocked = step{"guestfish", []string{"guestfish"}, `
guestfish --keys-from-stdin --ro -a "$IMAGE" run : cryptsetup-open /dev/sda1 plain : mount-ro /dev/mapper/plain / : download /Windows/System32/config/SYSTEM "$FOLDER/SYSTEM" <<<"$KEY"`}
	virtWinReg = step{"virt-win-reg", []string{"virt-win-reg"}, `
virt-win-reg "$IMAGE" 'HKLM\SYSTEM\ControlSet001\Control\CrashControl' CrashDumpEnabled`}
)
