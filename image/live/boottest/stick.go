//go:build linux

package boottest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sectorSize is what partition tables of sticks count in.
const sectorSize = 512

// Partition is one that sfdisk sees.
type Partition struct {
	Start int64  `json:"start"` // sectors
	Size  int64  `json:"size"`
	Type  string `json:"type"`
	Name  string `json:"name"`
}

// The types of the two partitions of a stick.
const (
	typeESP       = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	typeBasicData = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
)

// partition finds the partition of a type in the table of the medium.
func partition(ctx context.Context, medium, kind string) (*Partition, error) {
	out, err := output(ctx, "sfdisk", "--json", medium)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Table struct {
			Partitions []Partition `json:"partitions"`
		} `json:"partitiontable"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return nil, fmt.Errorf("sfdisk --json: %w", err)
	}
	for _, p := range doc.Table.Partitions {
		if strings.EqualFold(p.Type, kind) {
			return &p, nil
		}
	}
	return nil, fmt.Errorf("%s: no partition of type %s: %s", medium, kind, out)
}

// Stick is the data partition of a stick, read from outside.
type Stick struct {
	medium string
	start  int64
	files  map[string]string // inode of the sleuthkit by path
}

// OpenStick has fsck.exfat judge the data partition, and the sleuthkit list it.
func OpenStick(ctx context.Context, medium string) (*Stick, error) {
	p, err := partition(ctx, medium, typeBasicData)
	if err != nil {
		return nil, err
	}
	part := medium + ".data"
	if err := copyExtent(medium, part, extent{Start: p.Start * sectorSize, Size: p.Size * sectorSize}); err != nil {
		return nil, err
	}
	defer os.Remove(part)
	if out, err := output(ctx, "fsck.exfat", "-n", part); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	s := &Stick{medium: medium, start: p.Start, files: map[string]string{}}
	return s, s.list(ctx)
}

// entry is a line of fls -r -p: r/r 12345:	folder/name
var entry = regexp.MustCompile(`^r/r ([0-9-]+):\t(.*)$`)

func (s *Stick) list(ctx context.Context) error {
	out, err := output(ctx, "fls", "-f", "exfat", "-o", strconv.FormatInt(s.start, 10), "-r", "-p", "-u", s.medium)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		if m := entry.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
			s.files[m[2]] = m[1]
		}
	}
	return nil
}

// Names are the files on the stick.
func (s *Stick) Names() []string { return slices.Sorted(maps.Keys(s.files)) }

// Read is a file on the stick.
func (s *Stick) Read(ctx context.Context, name string) ([]byte, error) {
	inode, found := s.files[name]
	if !found {
		return nil, fmt.Errorf("the stick has no %s, but %s", name, strings.Join(s.Names(), ", "))
	}
	return output(ctx, "icat", "-f", "exfat", "-o", strconv.FormatInt(s.start, 10), s.medium, inode)
}

// Holds finds the file with exactly these bytes.
func (s *Stick) Holds(ctx context.Context, want []byte, suffix string) error {
	for name := range s.files {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		if got, err := s.Read(ctx, name); err != nil || bytes.Equal(got, want) {
			return err
		}
	}
	return fmt.Errorf("no *%s of the stick is the original; it has %s", suffix, strings.Join(s.Names(), ", "))
}

// has demands a file whose name matches.
func (s *Stick) has(name string) error {
	expression := regexp.MustCompile(name)
	if !slices.ContainsFunc(s.Names(), expression.MatchString) {
		return fmt.Errorf("the stick has no %s, but %s", name, strings.Join(s.Names(), ", "))
	}
	return nil
}
