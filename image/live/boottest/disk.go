//go:build linux

package boottest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Kit is the hangkit that makes disks and reads them on this machine.
type Kit struct {
	Program string // path of the binary
	Dir     string // for files that need not last
}

// Disk is a sample Windows disk.
type Disk struct {
	File   string
	kit    *Kit
	volume extent // of Windows
	dump   int64  // how much of the page file is a dump
}

type extent struct{ Start, Size int64 }

// NewDisk makes a sample: flags are those of image sample.
func (k *Kit) NewDisk(ctx context.Context, name string, flags ...string) (*Disk, error) {
	d := &Disk{File: filepath.Join(k.Dir, name), kit: k}
	args := append([]string{"image", "sample", "--json", "--force", "-o", d.File, "--size", "16G"}, flags...)
	out, err := output(ctx, k.Program, args...)
	if err != nil {
		return nil, err
	}
	var made struct {
		Partitions []extent `json:"partitions"`
		Dump       struct {
			Size int64 `json:"size"`
		} `json:"dump"`
	}
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, fmt.Errorf("image sample: %w", err)
	}
	if len(made.Partitions) == 0 {
		return nil, fmt.Errorf("image sample: no partitions: %s", out)
	}
	d.volume, d.dump = made.Partitions[len(made.Partitions)-1], made.Dump.Size
	return d, nil
}

// Change is one value that arm writes, as its plan says.
type Change struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	New  *struct {
		Type string `json:"type"`
		Data string `json:"data_hex"`
	} `json:"new"`
}

// Plan is what arm would change on the disk, asked on this machine. Nothing is written.
func (d *Disk) Plan(ctx context.Context, flags ...string) ([]Change, error) {
	out, err := output(ctx, d.kit.Program, append([]string{"arm", d.File, "--dry-run", "--json"}, flags...)...)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Changes []Change `json:"changes"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, fmt.Errorf("arm --dry-run: %w", err)
	}
	if len(doc.Changes) == 0 {
		return nil, fmt.Errorf("arm would change nothing: %s", out)
	}
	return doc.Changes, nil
}

// Sound has the programs of others judge the volume of Windows, and returns its SYSTEM
// hive as a file.
func (d *Disk) Sound(ctx context.Context) (string, error) {
	part := d.File + ".part"
	if err := copyExtent(d.File, part, d.volume); err != nil {
		return "", err
	}
	defer os.Remove(part)
	for _, judge := range [][]string{{"ntfsresize", "-i", "-f", part}, {"ntfsfix", "-n", part}} {
		if out, err := output(ctx, judge[0], judge[1:]...); err != nil {
			return "", fmt.Errorf("%w\n%s", err, out)
		}
	}
	return d.hive(ctx, part)
}

func (d *Disk) hive(ctx context.Context, part string) (string, error) {
	data, err := output(ctx, "ntfscat", "-f", part, "Windows/System32/config/SYSTEM")
	if err != nil {
		return "", err
	}
	file := d.File + ".SYSTEM"
	return file, os.WriteFile(file, data, 0o600)
}

// Armed has hivex find every new value, on a volume that others find sound.
func (d *Disk) Armed(ctx context.Context, plan []Change) error {
	hive, err := d.Sound(ctx)
	if err != nil {
		return err
	}
	var missing []error
	for _, c := range plan {
		shown, err := output(ctx, "hivexget", hive, c.Key)
		want := c.hivexLine()
		if err != nil || !strings.Contains("\n"+string(shown), "\n"+want+"\n") {
			missing = append(missing, errors.Join(fmt.Errorf("hivexget does not show %s below %s", want, c.Key), err))
		}
	}
	return errors.Join(missing...)
}

// hivexKinds are the values that hivexget prints as bytes, by its number of their type.
var hivexKinds = map[string]string{"REG_EXPAND_SZ": "hex(2)", "REG_MULTI_SZ": "hex(7)", "REG_BINARY": "hex(3)"}

// hivexLine is how hivexget prints the new value.
func (c *Change) hivexLine() string {
	data, err := hex.DecodeString(c.New.Data)
	if err != nil {
		return c.New.Data // which hivexget never prints
	}
	if c.New.Type == "REG_DWORD" && len(data) == 4 {
		return fmt.Sprintf(`"%s"=dword:%02x%02x%02x%02x`, c.Name, data[3], data[2], data[1], data[0])
	}
	pairs := make([]string, len(data))
	for i, b := range data {
		pairs[i] = fmt.Sprintf("%02x", b)
	}
	return fmt.Sprintf(`"%s"=%s:%s`, c.Name, hivexKinds[c.New.Type], strings.Join(pairs, ","))
}

// runLine is one of the runlist that ntfsinfo prints: VCN, LCN and length.
var runLine = regexp.MustCompile(`(?m)^\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s*$`)

// Dump is the dump that the sample was made with, read out of the clusters that ntfsinfo
// says the page file has. A crash writes below NTFS: who reads the file gets zeros.
func (d *Disk) Dump(ctx context.Context) ([]byte, error) {
	const cluster = 4096 // of every sample
	part := d.File + ".part"
	if err := copyExtent(d.File, part, d.volume); err != nil {
		return nil, err
	}
	defer os.Remove(part)
	info, err := output(ctx, "ntfsinfo", "-f", "-v", "-F", "pagefile.sys", part)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(part)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var dump []byte
	for _, run := range runLine.FindAllSubmatch(info, -1) {
		lcn, errStart := strconv.ParseInt(string(run[1]), 16, 40)
		length, errLength := strconv.ParseInt(string(run[2]), 16, 40)
		piece := make([]byte, min(length*cluster, d.dump-int64(len(dump))))
		_, errRead := f.ReadAt(piece, lcn*cluster)
		if err := errors.Join(errStart, errLength, errRead); err != nil {
			return nil, err
		}
		dump = append(dump, piece...)
	}
	if int64(len(dump)) < d.dump || !bytes.HasPrefix(dump, []byte("PAGE")) {
		return nil, fmt.Errorf("the page file of %s holds no dump in the clusters that ntfsinfo names", d.File)
	}
	return dump, nil
}

// Digest is of all the data on the disk, which reading must not change.
func (d *Disk) Digest() (string, error) {
	f, err := os.Open(d.File)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	err = eachData(f, extent{Size: math.MaxInt64}, func(at, size int64) error {
		_, err := io.Copy(hash, io.NewSectionReader(f, at, size))
		return err
	})
	return hex.EncodeToString(hash.Sum(nil)), err
}

// Copy makes another disk of the same contents.
func (d *Disk) Copy(name string) (*Disk, error) {
	info, err := os.Stat(d.File)
	if err != nil {
		return nil, err
	}
	other := *d
	other.File = filepath.Join(d.kit.Dir, name)
	return &other, copyExtent(d.File, other.File, extent{Size: info.Size()})
}

// copyExtent copies a part of a file to a sparse one of its own.
func copyExtent(from, to string, e extent) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	err = errors.Join(out.Truncate(e.Size), copyData(in, out, e))
	return errors.Join(err, out.Close())
}

// copyData copies the data between the holes.
func copyData(in, out *os.File, e extent) error {
	return eachData(in, e, func(at, size int64) error {
		_, err := io.Copy(io.NewOffsetWriter(out, at-e.Start), io.NewSectionReader(in, at, size))
		return err
	})
}

// eachData visits what is no hole.
func eachData(f *os.File, e extent, visit func(at, size int64) error) error {
	for at, end := e.Start, e.Start+e.Size; at < end; {
		data, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && data >= end {
			return nil
		}
		if err != nil {
			return err
		}
		if at, err = f.Seek(data, unix.SEEK_HOLE); err != nil {
			return err
		}
		at = min(at, end)
		if err := visit(data, at-data); err != nil {
			return err
		}
	}
	return nil
}
