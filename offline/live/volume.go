package live

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

var le = binary.LittleEndian

// Signatures in the first sector of a volume, behind the jump.
const (
	signatureOffset = 3
	signatureNTFS   = "NTFS    "
	signatureExFAT  = "EXFAT   "
	signatureFVE    = "-FVE-FS-" // BitLocker
)

// Label is the name of the medium, of its ISO and of its data partition.
const Label = "HANGKIT"

// fileSystem names what a volume begins with, as far as it matters here.
func fileSystem(sector []byte) string {
	if len(sector) < bootSector {
		return ""
	}
	switch string(sector[signatureOffset : signatureOffset+8]) {
	case signatureNTFS:
		return "NTFS"
	case signatureExFAT:
		return "exFAT"
	case signatureFVE:
		return "BitLocker"
	}
	return ""
}

// mayHoldWindows tells whether a Windows may be in a volume.
func mayHoldWindows(fs string) bool { return fs == "NTFS" || fs == "BitLocker" }

const bootSector = 512

// exFAT file system specification, sections 3.1 and 7.3.
const (
	exfatHeapOffset   = 88
	exfatRootCluster  = 96
	exfatSectorShift  = 108
	exfatClusterShift = 109
	exfatEntry        = 32
	exfatLabelType    = 0x83
	exfatLabelChars   = 11
	exfatLabelSearch  = 4096 // bytes of the root directory; the label is put first
)

// exfatLabel reads the label of an exFAT volume.
func exfatLabel(r io.ReaderAt) (string, error) {
	sector := make([]byte, bootSector)
	if _, err := r.ReadAt(sector, 0); err != nil {
		return "", fmt.Errorf("boot sector: %w", err)
	}
	if fileSystem(sector) != "exFAT" {
		return "", errors.New("no exFAT volume")
	}
	root, err := exfatRoot(sector)
	if err != nil {
		return "", err
	}
	dir := make([]byte, exfatLabelSearch)
	if n, err := r.ReadAt(dir, root); n < exfatEntry {
		return "", fmt.Errorf("root directory: %w", err)
	}
	for e := dir; len(e) >= exfatEntry; e = e[exfatEntry:] {
		if e[0] == exfatLabelType {
			return exfatText(e), nil
		}
	}
	return "", nil
}

// exfatRoot finds the root directory of a volume.
func exfatRoot(sector []byte) (int64, error) {
	shift, clusterShift := sector[exfatSectorShift], sector[exfatClusterShift]
	cluster := le.Uint32(sector[exfatRootCluster:])
	if shift < 9 || shift > 12 || clusterShift > 25-shift || cluster < 2 {
		return 0, errors.New("boot sector of exFAT is damaged")
	}
	heap := int64(le.Uint32(sector[exfatHeapOffset:]))
	return heap<<shift + int64(cluster-2)<<(shift+clusterShift), nil
}

func exfatText(entry []byte) string {
	n := min(int(entry[1]), exfatLabelChars)
	units := make([]uint16, n)
	for i := range units {
		units[i] = le.Uint16(entry[2+2*i:])
	}
	return string(utf16.Decode(units))
}

// ISO 9660 (ECMA-119) sections 8.4 and 9.1.
const (
	isoSector     = 2048
	isoDescriptor = 16 * isoSector
	isoVolumeID   = 40
	isoVolumeLen  = 32
	isoRootRecord = 156
	isoRecordMin  = 34
	isoExtent     = 2
	isoLength     = 10
	isoNameLen    = 32
	isoName       = 33
	isoDirMax     = 64 << 10 // of a directory that is looked at
)

// isMedium tells whether a disk begins with the ISO of the medium, and whether it is the
// very one that was started: only that one has the folder "hangkit" with the build id.
func isMedium(r io.ReaderAt, build string) (medium, started bool) {
	d := make([]byte, isoSector)
	if _, err := r.ReadAt(d, isoDescriptor); err != nil {
		return false, false
	}
	id := strings.TrimRight(string(d[isoVolumeID:isoVolumeID+isoVolumeLen]), " ")
	if d[0] != 1 || string(d[1:6]) != "CD001" || id != Label {
		return false, false
	}
	dir, ok := isoFind(r, d[isoRootRecord:isoRootRecord+isoRecordMin], "hangkit")
	if !ok || build == "" {
		return true, false
	}
	list := isoRead(r, dir)
	return true, bytes.Contains(bytes.ToLower(list), []byte(strings.ToLower(build)))
}

// isoFind finds a name in the directory that a record describes.
func isoFind(r io.ReaderAt, record []byte, name string) ([]byte, bool) {
	list := isoRead(r, record)
	for pos := 0; pos+isoRecordMin <= len(list); {
		n := int(list[pos])
		if n == 0 { // records do not cross sectors
			pos = (pos/isoSector + 1) * isoSector
			continue
		}
		entry := list[pos:min(pos+n, len(list))]
		if len(entry) >= isoRecordMin && strings.EqualFold(isoEntryName(entry), name) {
			return entry, true
		}
		pos += n
	}
	return nil, false
}

func isoEntryName(entry []byte) string {
	end := min(isoName+int(entry[isoNameLen]), len(entry))
	return strings.TrimRight(string(entry[isoName:end]), ".;1")
}

// isoRead reads the directory that a record describes, as far as it is looked at.
func isoRead(r io.ReaderAt, record []byte) []byte {
	list := make([]byte, min(le.Uint32(record[isoLength:]), isoDirMax))
	n, err := r.ReadAt(list, int64(le.Uint32(record[isoExtent:]))*isoSector)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil
	}
	return list[:n]
}
