package verify

import (
	"bytes"
	"fmt"
)

// mirrored is how many records every $MFTMirr holds; later ones may be stale.
const mirrored = 4

// checkMirror compares the used bytes of the first records with the mirror's.
func (c *checker) checkMirror() error {
	size := c.geometry.recordSize
	at := c.geometry.mftMirr * c.geometry.clusterSize
	if mirrored*size > c.geometry.clusters*c.geometry.clusterSize-at {
		c.add(noRecord, Mirror, 0, "first cluster of $MFTMirr", "with room for four records", hex(c.geometry.mftMirr))
		return nil
	}
	a, b := make([]byte, size), make([]byte, size)
	for n := range int64(mirrored) {
		if err := c.mft.readAt(c, a, n*size); err != nil {
			return c.found(n, err)
		}
		if err := c.read(b, at+n*size); err != nil {
			return err
		}
		if bytes.Equal(a, b) {
			continue
		}
		first := unseal(a, recordMagic, BadRecord, 0)
		if err := unseal(b, recordMagic, Mirror, at+n*size); err != nil && first == nil {
			if err := c.found(n, err); err != nil {
				return err
			}
			continue
		}
		used := min(int64(le.Uint32(a[recordBytesInUse:])), size)
		if i := firstDifference(a[:used], b[:used]); i >= 0 {
			c.add(n, Mirror, at+n*size+int64(i), fmt.Sprintf("$MFTMirr: byte %d of the record", i), hex(a[i]), hex(b[i]))
		}
	}
	return nil
}

// checkPlaces checks that the system files lie where the boot sector says, and
// that $BadClus covers the volume.
func (c *checker) checkPlaces() error {
	for _, f := range []struct {
		record int64
		lcn    int64
	}{{recordMFTMirr, c.geometry.mftMirr}, {recordBoot, 0}} {
		s, err := c.metafile(f.record)
		if err != nil {
			if err = c.found(f.record, err); err != nil {
				return err
			}
			continue
		}
		if at := s.deviceOffset(0, c.geometry.clusterSize); at != f.lcn*c.geometry.clusterSize {
			c.add(f.record, BootSector, s.off, "first cluster of a system file", f.lcn, hex(at))
		}
	}
	s, err := c.metastream(recordBadClus, typeData, "$Bad")
	if err != nil {
		return c.found(recordBadClus, err)
	}
	if n := s.clusters(); n != c.geometry.clusters {
		c.add(recordBadClus, BadClusters, s.off, "$BadClus:$Bad: clusters", c.geometry.clusters, n)
	}
	return nil
}

const (
	volumeInfoMajor = 0x08
	volumeInfoMinor = 0x09
	volumeInfoFlags = 0x0a
	volumeInfoSize  = 0x0c

	// flags that say that something is still to be done; others Windows sets on
	// healthy volumes.
	unfinishedFlags = 0x0001 | 0x0002 | 0x0004 | 0x0010 | 0x4000 | 0x8000
)

// checkVolume checks the version and the flags of $Volume.
func (c *checker) checkVolume() error {
	f, err := c.metarecord(recordVolume)
	if err != nil {
		return c.found(recordVolume, err)
	}
	pieces := f.pieces(typeVolumeInformation, "")
	if len(pieces) == 0 || !pieces[0].resident() || len(pieces[0].value()) < volumeInfoSize {
		c.add(recordVolume, Attribute, f.base.off, "$VOLUME_INFORMATION", fmt.Sprintf("%d resident bytes", volumeInfoSize), "none")
		return nil
	}
	v, off := pieces[0].value(), pieces[0].off
	if major, minor := v[volumeInfoMajor], v[volumeInfoMinor]; major != 3 || minor > 1 {
		c.add(recordVolume, Version, off, "$Volume: version", "3.0 or 3.1", fmt.Sprintf("%d.%d", major, minor))
	}
	if flags := le.Uint16(v[volumeInfoFlags:]) & unfinishedFlags; flags != 0 {
		c.add(recordVolume, VolumeFlags, off, "$Volume: flags", "nothing left to do", hex(flags))
	}
	return nil
}

const (
	logPageSize = 4096 // the second restart page begins here
	logHead     = 64 << 10

	restartPageSize = 0x10
	restartArea     = 0x18
	restartMajor    = 0x1c

	areaLSN     = 0x00
	areaInUse   = 0x0c // first client in use
	areaFlags   = 0x0e
	areaSize    = 0x10
	areaClean   = 0x0002
	areaNoInUse = 0xffff
)

// checkLog judges $LogFile by the newer of its two restart pages.
func (c *checker) checkLog() error {
	s, err := c.metafile(recordLogFile)
	if err != nil {
		return c.found(recordLogFile, err)
	}
	b := make([]byte, min(logHead, s.size))
	if err := s.readAt(c, b, 0); err != nil {
		return c.found(recordLogFile, err)
	}
	if len(b) > 0 && bytes.Count(b, []byte{0xff}) == len(b) {
		return nil // empty, as drivers other than Windows leave it
	}
	if got := judgeLog(b); got != "" {
		c.add(recordLogFile, LogFile, s.deviceOffset(0, c.geometry.clusterSize), "$LogFile", "empty or cleanly closed", got)
	}
	return nil
}

// judgeLog says what is the matter with a journal, "" if nothing is.
func judgeLog(b []byte) string {
	var verdict, found, newest = "neither empty nor a journal", false, uint64(0)
	for _, at := range []int{0, logPageSize} {
		page := restartPage(b, at)
		if page == nil {
			continue
		}
		area := page[le.Uint16(page[restartArea:]):]
		if lsn := le.Uint64(area[areaLSN:]); !found || lsn > newest {
			verdict, found, newest = judgePage(page, area), true, lsn
		}
	}
	return verdict
}

// restartPage returns the page at an offset, nil if it is none or torn.
func restartPage(b []byte, at int) []byte {
	if len(b) < at+logPageSize {
		return nil
	}
	size := int64(le.Uint32(b[at+restartPageSize:]))
	if !powerOfTwo(size, logPageSize, int64(len(b)-at)) {
		return nil
	}
	page := bytes.Clone(b[at : at+int(size)])
	if unseal(page, "RSTR", LogFile, 0) != nil && unseal(page, "CHKD", LogFile, 0) != nil {
		return nil
	}
	if int(le.Uint16(page[restartArea:]))+areaSize > fixupStride {
		return nil
	}
	return page
}

func judgePage(page, area []byte) string {
	switch major := le.Uint16(page[restartMajor:]); {
	case major == 2:
		return "version 2, in use when Windows stopped"
	case major != 1:
		return fmt.Sprintf("version %d", major)
	case le.Uint16(area[areaFlags:])&areaClean == 0 && le.Uint16(area[areaInUse:]) != areaNoInUse:
		return "to be replayed"
	}
	return ""
}

const (
	attrDefType  = 0x80
	attrDefSize  = 0xa0
	attrDefLimit = 1 << 20
)

// checkAttrDef checks that the table of attribute types is one: ascending types
// up to an empty row.
func (c *checker) checkAttrDef() error {
	s, err := c.metafile(recordAttrDef)
	if err != nil {
		return c.found(recordAttrDef, err)
	}
	b, err := s.readAll(c, attrDefLimit)
	if err != nil {
		return c.found(recordAttrDef, err)
	}
	if len(b)%attrDefSize != 0 || len(b) == 0 {
		c.add(recordAttrDef, AttrDef, s.off, "$AttrDef: size", fmt.Sprintf("a multiple of %d", attrDefSize), len(b))
	}
	last := uint32(0)
	for at := 0; at+attrDefSize <= len(b); at += attrDefSize {
		kind := le.Uint32(b[at+attrDefType:])
		if kind == 0 {
			break
		}
		if kind <= last || kind%typeStep != 0 {
			c.add(recordAttrDef, AttrDef, s.deviceOffset(int64(at), c.geometry.clusterSize), "$AttrDef: type", "above "+hex(last).String(), hex(kind))
			return nil
		}
		last = kind
	}
	if last < typeLast {
		c.add(recordAttrDef, AttrDef, s.off, "$AttrDef: last type", "at least "+hex(typeLast).String(), hex(last))
	}
	return nil
}
