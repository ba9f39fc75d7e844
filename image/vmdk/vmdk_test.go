package vmdk_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/image/container"
	"hangkit/image/container/containertest"
	"hangkit/image/imagetest"
	"hangkit/image/vmdk"
)

var le = binary.LittleEndian

const (
	kib     = 1 << 10
	sector  = 512
	grain   = 64 * kib
	textAt  = 1  // sectors
	copyAt  = 4  // the redundant directory, its table behind it
	mainAt  = 16 // the directory
	firstAt = 128
	entries = 512
)

func open(s container.Storage) (containertest.Disk, error) {
	return vmdk.Open(s, nil, nil)
}

// sparse makes a sparse extent with a descriptor; its second grain is there.
func sparse(sectors int, text string) *containertest.Medium {
	b := make([]byte, firstAt*sector+grain)
	copy(b, "KDMV")
	le.PutUint32(b[4:], 1)
	le.PutUint32(b[8:], 3) // newlines are tested, there is a redundant directory
	for off, v := range map[int]uint64{12: uint64(sectors), 20: grain / sector, 28: textAt, 36: 2, 48: copyAt, 56: mainAt, 64: firstAt} {
		le.PutUint64(b[off:], v)
	}
	le.PutUint32(b[44:], entries)
	copy(b[textAt*sector:], text)
	for _, at := range []int{copyAt, mainAt} {
		le.PutUint32(b[at*sector:], uint32(at+1))
		le.PutUint32(b[(at+1)*sector+4:], firstAt)
	}
	copy(b[firstAt*sector:], bytes.Repeat([]byte("old"), 10*kib))
	return containertest.Load(b)
}

func text(lines string) string {
	return "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n" + lines
}

func single(testing.TB) *containertest.Medium {
	return sparse(1500, text("RW 1500 SPARSE \"whatever.vmdk\"\n"))
}

func TestSuite(t *testing.T) {
	t.Parallel()
	containertest.Run(t, containertest.Format{Make: single, Open: open, Piece: 90 * kib, Check: copyLags, Oracle: containertest.QEMU("vmdk")})
}

// copyLags says that the redundant table has no grain that the table lacks.
func copyLags(s container.Storage) error {
	tables := [2][]byte{make([]byte, 4*entries), make([]byte, 4*entries)}
	for i, at := range []int64{mainAt + 1, copyAt + 1} {
		if err := container.ReadFull(s, tables[i], at*sector); err != nil {
			return err
		}
	}
	for i := 0; i < 4*entries; i += 4 {
		if main, redundant := le.Uint32(tables[0][i:]), le.Uint32(tables[1][i:]); redundant != 0 && redundant != main {
			return fmt.Errorf("grain %d: %d, in the copy %d: %w", i/4, main, redundant, container.ErrFormat)
		}
	}
	return nil
}

// TestSurvey: an extent that says of some bytes two things is not written; one
// whose redundant table merely lacks a grain gets it back.
func TestSurvey(t *testing.T) {
	t.Parallel()
	const table, redundant = (mainAt + 1) * sector, (copyAt + 1) * sector
	end := uint32(firstAt + grain/sector)
	for name, c := range map[string]struct {
		at    []int
		value uint32
		want  error
	}{
		"two grains in one place":    {[]int{table, redundant}, firstAt, container.ErrFormat},
		"two grains that overlap":    {[]int{table, redundant}, firstAt + 3, container.ErrFormat},
		"behind the end of the file": {[]int{table, redundant}, end, container.ErrTruncated},
		"the copy has more":          {[]int{redundant}, firstAt + 512, container.ErrRefused},
		"the copy has another":       {[]int{redundant + 4}, firstAt + 512, container.ErrRefused},
		"table over its copy":        {[]int{copyAt * sector}, mainAt + 1, container.ErrFormat},
		"the copy lacks it":          {[]int{redundant + 4}, 0, nil},
	} {
		m := single(t)
		for _, at := range c.at {
			if _, err := m.WriteAt(le.AppendUint32(nil, c.value), int64(at)); err != nil {
				t.Fatal(err)
			}
		}
		before := m.Bytes()
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.WriteAt(make([]byte, 512), grain)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil {
			if !bytes.Equal(m.Bytes(), before) {
				t.Errorf("%s: written", name)
			}
			continue
		}
		if err := d.Close(); err != nil || !bytes.Equal(m.Bytes()[table:][:64], m.Bytes()[redundant:][:64]) {
			t.Errorf("%s: the tables differ, %v", name, err)
		}
	}
}

// TestTablesAgain: tables that lie over each other, as often as a directory can
// name them, are refused before all they name is kept in mind.
func TestTablesAgain(t *testing.T) {
	t.Parallel()
	const (
		perTable = 1 << 16
		tables   = 1 << 7
		tableAt  = mainAt + tables*4/sector
		grainAt  = tableAt + perTable*4/sector
	)
	b := make([]byte, grainAt*sector+4*kib)
	copy(b, single(t).Bytes()[:mainAt*sector])
	le.PutUint32(b[8:], 1)
	for off, v := range map[int]uint64{12: tables * perTable * 8, 20: 8, 48: 0, 64: grainAt} {
		le.PutUint64(b[off:], v)
	}
	le.PutUint32(b[44:], perTable)
	for i := range tables {
		le.PutUint32(b[mainAt*sector+4*i:], tableAt)
	}
	for i := range perTable {
		le.PutUint32(b[tableAt*sector+4*i:], grainAt)
	}
	d, err := open(containertest.Load(b))
	if err != nil {
		t.Fatal(err)
	}
	var wrong *container.FormatError
	if _, err = d.WriteAt([]byte("x"), 0); !errors.As(err, &wrong) || wrong.Want != fmt.Sprintf("at most the file's %d", len(b)) {
		t.Errorf("written: %v", err)
	}
}

// TestSplit runs the suite of disks on one that lies in three files and has a
// hole.
func TestSplit(t *testing.T) {
	t.Parallel()
	imagetest.TestDevice(t, func(t *testing.T) image.Disk {
		t.Helper()
		files := map[string]container.Storage{
			"a.vmdk": sparse(64, ""), "b.vmdk": containertest.Load(make([]byte, 300*sector)), "c.vmdk": sparse(200, ""),
		}
		top := containertest.Load([]byte(text("RW 64 SPARSE \"a.vmdk\"\nRW 100 FLAT \"b.vmdk\" 200\nRW 200 SPARSE \"c.vmdk\"\n")))
		d, err := vmdk.Open(top, func(name string) (container.Storage, error) { return files[name], nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Writable(); err != nil {
			t.Fatal(err)
		}
		return image.WithSectorSize(d, sector)
	})
}

// TestLaterPart: a disk of which a later part must not be written is not written
// in an earlier one.
func TestLaterPart(t *testing.T) {
	t.Parallel()
	a, b := sparse(1500, ""), sparse(1500, "")
	for _, at := range []int64{copyAt + 1, mainAt + 1} { // two grains in one place
		if _, err := b.WriteAt(le.AppendUint32(nil, firstAt), at*sector); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]container.Storage{"a.vmdk": a, "b.vmdk": b}
	top := containertest.Load([]byte(text("RW 1500 SPARSE \"a.vmdk\"\nRW 1500 SPARSE \"b.vmdk\"\n")))
	d, err := vmdk.Open(top, func(name string) (container.Storage, error) { return files[name], nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := a.Bytes()
	if _, err := d.WriteAt([]byte("x"), grain); !errors.Is(err, container.ErrFormat) || !bytes.Equal(a.Bytes(), before) {
		t.Errorf("written: %v", err)
	}
}

// TestFlatCutShort: a flat extent whose file is shorter than its line says is not
// written, not even in front of where the file ends.
func TestFlatCutShort(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		size int
		want error
	}{"whole": {10 * sector, nil}, "cut": {10*sector - 1, container.ErrTruncated}} {
		file, top := containertest.Load(make([]byte, c.size)), containertest.Load([]byte(text("RW 8 FLAT \"a\" 2\n")))
		d, err := vmdk.Open(top, func(string) (container.Storage, error) { return file, nil }, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := top.Bytes()
		if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.want != nil && (!bytes.Equal(file.Bytes(), make([]byte, c.size)) || !bytes.Equal(top.Bytes(), before)) {
			t.Errorf("%s: written", name)
		}
	}
}

// TestContentID: the first write makes the disk another one, however the id is
// written.
func TestContentID(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"CID=12345678\n", "CID=1\n", " CID = 7a\n"} {
		m := sparse(1500, strings.Replace(text("RW 1500 SPARSE \"whatever.vmdk\"\n"), "CID=12345678\n", line, 1))
		d, err := open(m)
		if err != nil {
			t.Fatal(err)
		}
		before := m.Bytes()[textAt*sector:][:2*sector]
		if _, err := d.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		after := m.Bytes()[textAt*sector:][:2*sector]
		at := bytes.Index(before, []byte(line))
		end := at + len(line) - 1
		if bytes.Equal(after, before) || !bytes.Equal(after[:at], before[:at]) || !bytes.Equal(after[end:], before[end:]) {
			t.Errorf("%q: descriptor %.120q", line, after)
		}
	}
}

// TestNotWritten: a disk of which a part must not be written says so before
// anything is.
func TestNotWritten(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"RDONLY 8 FLAT \"a\" 0\n", "RW 8 ZERO\n", "NOACCESS 8 FLAT \"a\" 0\n"} {
		m := containertest.Load([]byte(text("RW 8 FLAT \"a\" 0\n" + line)))
		files := func(string) (container.Storage, error) { return containertest.Load(make([]byte, 4096)), nil }
		d, err := vmdk.Open(m, files, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Writable(); !errors.Is(err, container.ErrRefused) {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// parentDisk is a disk with a content id.
type parentDisk struct{ *bytes.Reader }

func (parentDisk) ID() string { return "12345678" }

// TestParent reads grains of the parent, and writes none.
func TestParent(t *testing.T) {
	t.Parallel()
	lines := "CID=1\nparentCID=12345678\nparentFileNameHint=\"C:\\\\VMs\\\\base.vmdk\"\nRW 1500 SPARSE \"child.vmdk\"\n"
	parent := func(r container.Reference) (container.Source, error) {
		if r.Names[len(r.Names)-1] != "base.vmdk" {
			t.Errorf("asked for %q", r.Names)
		}
		return parentDisk{bytes.NewReader(bytes.Repeat([]byte("p"), 1500*sector))}, nil
	}
	if _, err := vmdk.Open(sparse(1500, strings.Replace(lines, "12345678", "12345679", 1)), nil, parent); !errors.Is(err, container.ErrFormat) {
		t.Errorf("a parent that has changed: %v", err)
	}
	d, err := vmdk.Open(sparse(1500, lines), nil, parent)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := d.ReadAt(b, grain-2); err != nil || string(b) != "ppol" {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := d.WriteAt(b, 0); !errors.Is(err, container.ErrUnsupported) {
		t.Errorf("write: %v", err)
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	good := single(t).Bytes()
	for name, c := range map[string]struct {
		off   int
		value []byte
		want  error
	}{
		"ESX":              {0, []byte("COWD"), container.ErrUnsupported},
		"version":          {4, []byte{9}, container.ErrFormat},
		"capacity":         {19, []byte{0x7f}, container.ErrFormat},
		"less capacity":    {12, []byte{1, 0}, container.ErrFormat},
		"grain":            {20, []byte{3}, container.ErrFormat},
		"entries":          {44, []byte{0, 0, 0, 0}, container.ErrFormat},
		"directory":        {62, []byte{0xff}, container.ErrFormat},
		"no descriptor":    {28, []byte{0}, container.ErrUnsupported},
		"descriptor":       {33, []byte{1}, container.ErrTruncated},
		"long descriptor":  {40, []byte{1}, container.ErrFormat},
		"no extents":       {textAt * sector, make([]byte, 8), container.ErrFormat},
		"grain over table": {(mainAt+1)*sector + 4, []byte{5}, container.ErrFormat},
		"table elsewhere":  {mainAt*sector + 3, []byte{9}, container.ErrTruncated},
	} {
		b := bytes.Clone(good)
		copy(b[c.off:], c.value)
		d, err := open(containertest.Load(b))
		if err == nil {
			_, err = d.ReadAt(make([]byte, 512), grain)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestDescriptorLines: what cannot be right is an error, what is of no
// concern is not.
func TestDescriptorLines(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]error{
		"RW 99999999999999999999 ZERO\n":               container.ErrFormat,
		"RW 9999999999999999 ZERO\n":                   container.ErrFormat,
		"RW 10 FLAT \"a\" 99999999999999999999\n":      container.ErrFormat,
		"RW 10 SESPARSE \"a\"\n":                       container.ErrUnsupported,
		"RW 10 VMFSRDM \"a\"\n":                        container.ErrUnsupported,
		"RW 10 ZERO\n":                                 nil,
		"ddb.adapterType = \"ide\"\nNOACCESS 5 ZERO\n": nil,
		"": container.ErrFormat,
		fmt.Sprintf("RW 1 ZERO\n%s", bytes.Repeat([]byte("RW 1 ZERO\n"), 3000)): container.ErrFormat,
	} {
		_, err := open(containertest.Load([]byte(text(lines))))
		if !errors.Is(err, want) {
			t.Errorf("%.30q: %v, want %v", lines, err, want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	files := func(string) (container.Storage, error) { return containertest.Load(make([]byte, 4096)), nil }
	images := [][]byte{single(f).Bytes(), []byte(text("RW 10 ZERO\nRW 5 FLAT \"a\" 0\n"))}
	containertest.Fuzz(f, images, nil, func(s container.Storage) (containertest.Disk, error) { return vmdk.Open(s, files, nil) })
}
