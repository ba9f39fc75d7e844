package vmdk

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"hangkit/image/container"
)

// TextMagic begins a descriptor in a file of its own.
const TextMagic = "# Disk DescriptorFile"

// maxDescriptor bounds the text: that of a disk in 2 GiB extents is some KiB.
const maxDescriptor = 1 << 20

// noParent is the parentCID of a disk that stands alone.
const noParent = "ffffffff"

// descriptor is what the text says.
type descriptor struct {
	cid, parentCID string
	cidOff         int64 // in the file
	cidDigits      string
	parentHint     string
	createType     string
	extents        []extentLine
}

// extentLine is a line like: RW 4192256 SPARSE "disk-s001.vmdk"
type extentLine struct {
	access  string
	sectors int64
	kind    string
	name    string
	offset  int64 // sectors, of a flat one
}

var (
	extentPattern = regexp.MustCompile(`^(RW|RDONLY|NOACCESS) +(\d+) +([A-Z]+)(?: +"([^"]*)")?(?: +(\d+))?`)
	valuePattern  = regexp.MustCompile(`^ *([A-Za-z]+) *= *"?([^"]*)"?`)
	cidPattern    = regexp.MustCompile(`(?m)^[ \t]*CID *= *"?([0-9a-fA-F]{1,8})`)
)

// parseDescriptor reads the text that lies at off in its file.
func parseDescriptor(text []byte, off int64) (*descriptor, error) {
	if end := bytes.IndexByte(text, 0); end >= 0 {
		text = text[:end]
	}
	d := &descriptor{parentCID: noParent, cidOff: -1}
	if at := cidPattern.FindSubmatchIndex(text); at != nil {
		d.cidOff, d.cidDigits = off+int64(at[2]), string(text[at[2]:at[3]])
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxDescriptor)
	for lines.Scan() {
		if err := d.take(strings.TrimSpace(lines.Text())); err != nil {
			return nil, &container.FormatError{Off: off, What: "vmdk descriptor", Got: err}
		}
	}
	if len(d.extents) == 0 {
		return nil, &container.FormatError{Off: off, What: "vmdk descriptor", Want: "extents", Got: "none"}
	}
	return d, nil
}

// maxSectors bounds a disk: 64 TiB is VMware's limit.
const maxSectors = 64 << 40 / sectorSize

// take notes what a line says.
func (d *descriptor) take(line string) error {
	if m := extentPattern.FindStringSubmatch(line); m != nil {
		sectors, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil || sectors > maxSectors {
			return fmt.Errorf("extent of %s sectors: %w", m[2], container.ErrOutOfBounds)
		}
		offset := int64(0)
		if m[5] != "" {
			if offset, err = strconv.ParseInt(m[5], 10, 64); err != nil || offset > maxSectors {
				return fmt.Errorf("extent at sector %s: %w", m[5], container.ErrOutOfBounds)
			}
		}
		d.extents = append(d.extents, extentLine{m[1], sectors, m[3], m[4], offset})
		return nil
	}
	if m := valuePattern.FindStringSubmatch(line); m != nil {
		switch m[1] {
		case "CID":
			d.cid = contentID(m[2])
		case "parentCID":
			d.parentCID = contentID(m[2])
		case "parentFileNameHint":
			d.parentHint = m[2]
		case "createType":
			d.createType = m[2]
		}
	}
	return nil
}

// contentID is the form in which content ids are compared: eight digits. Not
// every program writes them all.
func contentID(text string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if id, err := strconv.ParseUint(text, 16, 32); err == nil {
		return fmt.Sprintf("%08x", id)
	}
	return text
}
