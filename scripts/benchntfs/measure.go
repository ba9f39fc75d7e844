//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// setting is one way of reading: which volume, what the page cache has of it, and
// how many times the seconds of dd hangkit may take.
type setting struct {
	name  string
	v     *volume
	cold  bool
	limit float64
}

// compareReaders prints a table for each setting as soon as it is measured.
func compareReaders(ctx context.Context, dir string, runs int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	whole, err := makeVolume(dir, 1)
	if err != nil {
		return err
	}
	pieces, err := makeVolume(dir, manyPieces)
	if err != nil {
		return err
	}
	list := slices.DeleteFunc(readers(self), func(r reader) bool { return r.missing() })
	for _, s := range []setting{
		{"in one piece, warm", whole, false, 1.05},
		{"in 20,000 pieces, warm", pieces, false, 2},
		{"in one piece, cold", whole, true, 1.05},
		{"in 20,000 pieces, cold", pieces, true, 1.5},
	} {
		if err := s.measure(ctx, list, runs); err != nil {
			return err
		}
	}
	return nil
}

// measure has every reader read by turns, so that whatever else the machine does
// meets all of them.
func (s setting) measure(ctx context.Context, list []reader, runs int) error {
	if err := s.v.remember(); err != nil {
		return err
	}
	walls, cpus := make([][]float64, len(list)), make([][]float64, len(list))
	for range runs {
		for i := range list {
			c, err := list[i].read(ctx, s.v, s.cold)
			if err != nil {
				return err
			}
			walls[i], cpus[i] = append(walls[i], c.wall), append(cpus[i], c.cpu)
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "2 GiB %s\tseconds\ttimes dd\tof processors\t\n", s.name)
	for i := range list {
		note, err := list[i].flaw(ctx, s.v)
		if err != nil {
			return err
		}
		if list[i].name == "hangkit" && note == "" {
			note = fmt.Sprintf("at most %.2f", s.limit)
		}
		wall := median(walls[i])
		fmt.Fprintf(w, "%s\t%.3f\t%.2f\t%.3f\t%s\n", list[i].name, wall, wall/median(walls[0]), median(cpus[i]), note)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func median(times []float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// sparse is a device of any size in memory that counts what is read.
type sparse struct {
	size  int64
	pages map[int64][]byte
	reads int
	bytes int64
}

const pageSize = 64 << 10

func (s *sparse) Size() int64 { return s.size }

func (s *sparse) ReadAt(p []byte, off int64) (int, error) {
	s.reads, s.bytes = s.reads+1, s.bytes+int64(len(p))
	clear(p)
	return s.each(p, off, func(page, part []byte) { copy(part, page) })
}

func (s *sparse) WriteAt(p []byte, off int64) (int, error) {
	return s.each(p, off, func(page, part []byte) { copy(page, part) })
}

func (s *sparse) each(p []byte, off int64, visit func(page, part []byte)) (int, error) {
	if off < 0 || off > s.size-int64(len(p)) {
		return 0, io.ErrUnexpectedEOF
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		page := s.pages[at/pageSize]
		if page == nil {
			page = make([]byte, pageSize)
			s.pages[at/pageSize] = page
		}
		part := p[done:][:min(int64(len(p)-done), pageSize-at%pageSize)]
		visit(page[at%pageSize:], part)
		done += len(part)
	}
	return len(p), nil
}

// windowsTree has a SYSTEM hive among as many files as System32 has.
func windowsTree() []format.Entry {
	var system32 []format.Entry
	for i := range 5000 {
		system32 = append(system32, format.Entry{Name: fmt.Sprintf("library %05d.dll", i), Data: []byte("MZ")})
	}
	config := format.Entry{Name: "config", Dir: []format.Entry{{Name: "SYSTEM", Data: make([]byte, 16<<20)}}}
	return []format.Entry{{Name: "Windows", Dir: []format.Entry{{Name: "System32", Dir: append(system32, config)}}}}
}

// measureOpening prints what opening a volume and finding SYSTEM reads, by the size of $MFT.
func measureOpening() error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "open and find SYSTEM\treads\tbytes\n")
	for _, records := range []int64{0, 64 << 10, 1 << 20, 16 << 20} {
		dev := &sparse{size: 1 << 40, pages: map[int64][]byte{}}
		if err := format.Write(dev, format.Options{Root: windowsTree(), ExtraRecords: records}); err != nil {
			return err
		}
		dev.reads, dev.bytes = 0, 0
		v, err := ntfs.Open(dev)
		if err != nil {
			return err
		}
		if _, err := v.Stat("Windows/System32/config/SYSTEM"); err != nil {
			return err
		}
		fmt.Fprintf(w, "1 TiB, $MFT of %d MiB\t%d\t%d\n", v.Info().Records*v.Info().RecordSize>>20, dev.reads, dev.bytes)
	}
	return nil
}

// measureMaking prints how long it takes to format and fill a 64 GB image.
func measureMaking(dir string, runs int) error {
	const size = 64e9
	name := filepath.Join(dir, "made.img")
	var times []float64
	for range runs {
		start := time.Now()
		disk, err := image.Create(name, size)
		if err != nil {
			return err
		}
		root := append(windowsTree(), format.Entry{Name: fileName, Size: 16 << 30, Fragments: manyPieces})
		err = format.Write(disk, format.Options{Root: root, ExtraRecords: 1 << 18})
		if err = errors.Join(err, disk.Close(), os.Remove(name)); err != nil {
			return err
		}
		times = append(times, time.Since(start).Seconds())
	}
	_, err := fmt.Fprintf(os.Stdout, "\nformat and fill a sparse image of 64 GB: %.2f s\n", median(times))
	return err
}
