package fat

import (
	"bytes"
	"errors"
	"fmt"
	"path"
)

// placement checks every precondition of an overwrite and returns the data.
func (v *Volume) placement(name string, e entry) (*stream, error) {
	for _, check := range []func() error{
		func() error { return plainFile(e) },
		func() error { return v.onlyOne(name) },
		v.tablesAgree,
		v.noBadSectors,
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	s, err := v.content(e)
	if err != nil {
		return nil, err
	}
	chain, err := v.wholeChain(e, s.runs)
	if err != nil {
		return nil, err
	}
	if err := v.linkedOnce(chain); err != nil {
		return nil, err
	}
	return s, v.begunOnce(chain)
}

// plainFile refuses what is not an ordinary file with data.
func plainFile(e entry) error {
	switch {
	case e.mode.IsDir():
		return errIsDirectory
	case e.mode.Perm()&0o200 == 0:
		return errors.New("the file is marked read-only")
	case e.size == 0:
		return errors.New("the file is empty")
	}
	return nil
}

// onlyOne refuses a file whose directory has two of its name: others may read the other one.
func (v *Volume) onlyOne(name string) error {
	dir, err := v.find(path.Dir(name))
	if err != nil {
		return err
	}
	list, err := v.listAll(dir)
	if err != nil {
		return err
	}
	count := 0
	for _, e := range list {
		if e.is(path.Base(name)) {
			count++
		}
	}
	if count != 1 {
		return fmt.Errorf("its directory has %d files of this name", count)
	}
	return nil
}

// tablesAgree demands that both copies of the table are equal and in use. Firmware reads the first
// one, whatever the flags say, and Windows the active one.
func (v *Volume) tablesAgree() error {
	if !v.g.mirrored {
		return errors.New("the volume keeps one of its two tables up to date only")
	}
	if v.g.fats == 1 {
		return nil
	}
	a, b := make([]byte, pieceSize), make([]byte, pieceSize)
	for off := int64(0); off < v.g.fatSize; off += pieceSize {
		n := min(pieceSize, v.g.fatSize-off)
		for i, p := range [][]byte{a, b} {
			if _, err := readFull(v.dev, p[:n], v.g.fatStart+int64(i)*v.g.fatSize+off); err != nil {
				return fmt.Errorf("file allocation table: %w", err)
			}
		}
		if !bytes.Equal(a[:n], b[:n]) {
			return errors.New("the two copies of the file allocation table differ")
		}
	}
	return nil
}

// The entry of cluster 1 has flags instead of a next cluster; FAT12 has none.
//
// On disk: ClnShutBitMask and HrdErrBitMask ("FAT Data Structure").
const (
	flagsEntry = 1
	noErrors16 = 0x4000
	noErrors32 = 0x04000000
)

// noBadSectors refuses a volume on which Windows met sectors that cannot be read.
func (v *Volume) noBadSectors() error {
	if v.g.kind == FAT12 {
		return nil
	}
	t := &table{r: v.dev, g: &v.g}
	flags, err := t.next(flagsEntry)
	if err != nil {
		return err
	}
	good := uint32(noErrors16)
	if v.g.kind == FAT32 {
		good = noErrors32
	}
	if flags&good == 0 {
		return errors.New("its flags say that sectors could not be read: let chkdsk look at the volume first")
	}
	return nil
}

// links are the clusters of a chain, each with the one before it; 0 stands before the first.
type links map[uint32]uint32

// wholeChain lists the clusters of a file, and demands that its chain ends where the file does.
func (v *Volume) wholeChain(e entry, runs []run) (links, error) {
	chain, t := links{}, &table{r: v.dev, g: &v.g}
	before, next := uint32(0), e.cluster
	for _, r := range runs {
		for range r.len / v.g.clusterSize {
			if _, twice := chain[next]; twice {
				return nil, fmt.Errorf("its chain runs in a circle at cluster %d", next)
			}
			chain[next] = before
			before = next
			var err error
			if next, err = t.next(before); err != nil {
				return nil, err
			}
		}
	}
	if next < v.g.kind.ends() {
		return nil, fmt.Errorf("its chain is longer than the file: cluster %d leads to %d", before, next)
	}
	return chain, nil
}

// linkedOnce demands that no cluster of a chain follows any other cluster than its own predecessor.
func (v *Volume) linkedOnce(chain links) error {
	t := &table{r: v.dev, g: &v.g}
	for i := range v.g.clusters {
		from := firstCluster + i
		to, err := t.next(from)
		if err != nil {
			return err
		}
		if before, ok := chain[to]; ok && before != from {
			return fmt.Errorf("cluster %d belongs to another chain, too: %d leads to it", to, from)
		}
	}
	return nil
}

// begunOnce demands that one directory entry of the whole volume begins in a chain, which is the
// file's own.
func (v *Volume) begunOnce(chain links) error {
	if _, ok := chain[v.g.rootCluster]; ok {
		return fmt.Errorf("cluster %d belongs to the root directory, too", v.g.rootCluster)
	}
	begun := 0
	return v.walk(func(e dirent) error {
		before, ok := chain[e.cluster(v.g.kind)]
		if !ok {
			return nil
		}
		if begun++; before != 0 || begun > 1 {
			return fmt.Errorf("cluster %d belongs to two files", e.cluster(v.g.kind))
		}
		return nil
	})
}

// maxDirectories bounds the bytes of all directories together. On a sound volume no two of them share
// a cluster, so that they fit on it; those of a damaged one may all lead into the same long chain.
const maxDirectories = 256 << 20

// walk visits every directory entry of the volume, those with names that nobody can say too. A
// directory is entered once.
func (v *Volume) walk(visit func(dirent) error) error {
	pending, seen := []entry{rootEntry}, map[uint32]bool{0: true, v.g.rootCluster: true}
	left := min(maxDirectories, v.g.rootSize+int64(v.g.clusters)*v.g.clusterSize)
	for len(pending) > 0 {
		dir := pending[0]
		pending = pending[1:]
		raw, err := v.rawDir(dir)
		if err != nil {
			return fmt.Errorf("looking for other files in its clusters: %w", err)
		}
		if left -= int64(len(raw)); left < 0 {
			return errors.New("the volume's directories are longer than a volume can have: some share clusters")
		}
		for d := range entries(raw) {
			if d.isLongName() || d.isLabel() || d.isDots() {
				continue
			}
			if err := visit(d); err != nil {
				return err
			}
			if e := d.entry("", v.g.kind); e.mode.IsDir() && !seen[e.cluster] {
				seen[e.cluster] = true
				pending = append(pending, e)
			}
		}
	}
	return nil
}

// isDots tells "." and "..", which name directories that are named elsewhere.
func (d dirent) isDots() bool {
	name := string(d[:shortNameLen])
	return d.attributes()&attrDir != 0 && (name == ".          " || name == "..         ")
}
