package collect

import (
	"io"
	"io/fs"
)

// PartitionPlace is a partition without a file system, which the firmware writes
// its dumps to.
func PartitionPlace(label string, r *io.SectionReader) Place {
	return Place{Volume: rawVolume{r}, Label: label}
}

// rawVolume has the form of a volume and no file.
type rawVolume struct{ r *io.SectionReader }

// OpenRaw reads the partition, whatever it is called.
func (v rawVolume) OpenRaw(string) (*io.SectionReader, error) { return v.r, nil }

func (rawVolume) Open(name string) (fs.File, error) { return nil, noFile("open", name) }

func (rawVolume) ReadDir(name string) ([]fs.DirEntry, error) { return nil, noFile("readdir", name) }

func (rawVolume) Stat(name string) (fs.FileInfo, error) { return nil, noFile("stat", name) }

func noFile(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist} }

// partitionPath stands for the path of a dump that lies in no file.
const partitionPath = "firmware-dump"

func (f *finder) partition(p *Place) {
	if f.ctx.Err() == nil && f.first(p, partitionPath) {
		c := &Candidate{Place: p, Path: partitionPath, Source: SourceFirmware}
		c.examine()
		f.found = append(f.found, c)
	}
}
