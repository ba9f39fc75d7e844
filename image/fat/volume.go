package fat

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// Device holds one volume, which begins at offset 0.
type Device interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Volume is an open FAT volume. Its methods may be called concurrently.
type Volume struct {
	dev   Device
	g     geometry
	label string
}

// Info describes a volume as a whole.
type Info struct {
	Kind        Kind
	Serial      uint32
	Label       string
	ClusterSize int64 // bytes
	SectorSize  int64 // bytes
	Clusters    int64
}

// Probe says whether the device begins like a FAT volume.
func Probe(dev Device) bool {
	b, err := readBoot(dev)
	return err == nil && plausible(b)
}

// Open reads the boot sector and the root directory. The error is ErrNotFAT, or wraps ErrFormat or
// a read error.
func Open(dev Device) (*Volume, error) {
	b, err := readBoot(dev)
	if err != nil {
		return nil, err
	}
	g, err := parseBootSector(b, dev.Size())
	if err != nil {
		return nil, err
	}
	v := &Volume{dev: dev, g: g}
	raw, err := v.rawRoot()
	if err != nil {
		return nil, fmt.Errorf("root directory: %w", err)
	}
	for d := range entries(raw) {
		if d.isLabel() && !d.isLongName() {
			v.label = d.label()
			break
		}
	}
	return v, nil
}

func readBoot(dev Device) ([]byte, error) {
	if dev.Size() < bootSectorSize {
		return nil, ErrNotFAT
	}
	b := make([]byte, bootSectorSize)
	if _, err := readFull(dev, b, 0); err != nil {
		return nil, fmt.Errorf("boot sector: %w", err)
	}
	return b, nil
}

// Info describes the volume.
func (v *Volume) Info() Info {
	return Info{
		Kind: v.g.kind, Serial: v.g.serial, Label: v.label,
		ClusterSize: v.g.clusterSize, SectorSize: v.g.sectorSize, Clusters: int64(v.g.clusters),
	}
}

// Free counts the free bytes, by the table and not by what FSInfo remembers.
func (v *Volume) Free() (int64, error) {
	n, err := v.free()
	return n * v.g.clusterSize, err
}

// OpenRaw reads the clusters of a file, past its end too.
func (v *Volume) OpenRaw(name string) (*io.SectionReader, error) {
	e, err := v.find(name)
	if err == nil && e.mode.IsDir() {
		err = errIsDirectory
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	s, err := v.content(e)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	s.size = roundUp(s.size, v.g.clusterSize)
	return io.NewSectionReader(s, 0, s.size), nil
}

// maxDirectory is the most a directory may have: 65536 entries.
const maxDirectory = direntSize << 16

var rootEntry = entry{name: ".", mode: fs.ModeDir | 0o777}

// rawRoot is the bytes of the root directory.
func (v *Volume) rawRoot() ([]byte, error) {
	if v.g.kind == FAT32 {
		return v.rawChain(v.g.rootCluster)
	}
	b := make([]byte, min(v.g.rootSize, maxDirectory))
	_, err := readFull(v.dev, b, v.g.rootStart)
	return b, err
}

// rawChain is the bytes of any other directory.
func (v *Volume) rawChain(first uint32) ([]byte, error) {
	runs, err := v.chain(first, -1)
	if err != nil {
		return nil, err
	}
	s := &stream{r: v.dev, runs: runs}
	for _, r := range runs {
		s.size += r.len
	}
	if s.size > maxDirectory {
		return nil, damaged(v.g.offset(first), "size of a directory", fmt.Sprintf("at most %d", maxDirectory), s.size)
	}
	b := make([]byte, s.size)
	if n, err := s.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// entries walks the entries in use.
func entries(raw []byte) func(yield func(dirent) bool) {
	return func(yield func(dirent) bool) {
		for ; len(raw) >= direntSize && raw[0] != direntEnd; raw = raw[direntSize:] {
			if raw[0] != direntDeleted && !yield(dirent(raw[:direntSize])) {
				return
			}
		}
	}
}

// list reads a directory. Of several entries that have the same name all but the first are left out.
func (v *Volume) list(dir entry) ([]entry, error) {
	all, err := v.listAll(dir)
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(e entry) bool {
		key := strings.ToLower(e.name)
		defer func() { seen[key] = true }()
		return seen[key]
	}), err
}

// listAll reads a directory. Entries whose names no path can carry are left out.
func (v *Volume) listAll(dir entry) ([]entry, error) {
	raw, err := v.rawDir(dir)
	if err != nil {
		return nil, err
	}
	var list []entry
	var long longName
	for d := range entries(raw) {
		if d.isLongName() {
			long.add(longEntry(d))
			continue
		}
		name := long.take(d)
		if d.isLabel() {
			continue
		}
		if e := d.entry(name, v.g.kind); usable(e.name) {
			list = append(list, e)
		}
	}
	return list, nil
}

func (v *Volume) rawDir(dir entry) ([]byte, error) {
	if dir.cluster == 0 {
		return v.rawRoot()
	}
	return v.rawChain(dir.cluster)
}

// usable says whether a name can be one element of a path. It also drops "." and "..".
func usable(name string) bool {
	return name != "." && fs.ValidPath(name) && !strings.ContainsAny(name, "/\\\x00")
}

// find resolves a slash path.
func (v *Volume) find(name string) (entry, error) {
	if !fs.ValidPath(name) {
		return entry{}, fs.ErrInvalid
	}
	e := rootEntry
	if name == "." {
		return e, nil
	}
	above := map[uint32]bool{0: true, v.g.rootCluster: true}
	for part := range strings.SplitSeq(name, "/") {
		found, err := v.findIn(e, part)
		if err != nil {
			return entry{}, err
		}
		if e = found; !e.mode.IsDir() {
			continue
		}
		if above[e.cluster] {
			return entry{}, damaged(v.g.dataStart, "first cluster of directory "+e.name, "one of its own", e.cluster)
		}
		above[e.cluster] = true
	}
	return e, nil
}

func (v *Volume) findIn(dir entry, name string) (entry, error) {
	if !dir.mode.IsDir() {
		return entry{}, fs.ErrNotExist
	}
	list, err := v.list(dir)
	if err != nil {
		return entry{}, err
	}
	i := slices.IndexFunc(list, func(e entry) bool { return e.is(name) })
	if i < 0 {
		return entry{}, fs.ErrNotExist
	}
	return list[i], nil
}

// content opens the data of a file.
func (v *Volume) content(e entry) (*stream, error) {
	if e.size == 0 {
		return &stream{r: v.dev}, nil
	}
	runs, err := v.chain(e.cluster, e.size)
	if err != nil {
		return nil, err
	}
	return &stream{r: v.dev, runs: runs, size: e.size}, nil
}

var (
	errNotDirectory = fmt.Errorf("%w: not a directory", fs.ErrInvalid)
	errIsDirectory  = fmt.Errorf("%w: is a directory", fs.ErrInvalid)
)
