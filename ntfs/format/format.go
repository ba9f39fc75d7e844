// Package format makes NTFS 3.1 volumes: it formats a device and fills it with
// a tree of files, in one pass and reproducibly (equal options, equal bytes).
//
// The volume lies as Windows lays it out:
//
//	cluster 0          $Boot: boot sector and (empty) boot code, 8 KiB
//	next               $MFTMirr, the first records of $MFT once more
//	next               $LogFile, $Bitmap, $AttrDef, $UpCase, $Secure:$SDS
//	next               file contents, index blocks, attribute lists
//	0xC0000 or 1/3     $MFT:$BITMAP and $MFT, contents go on behind them
//	last sector        copy of the boot sector
//
// MFT records 0 to 15 are the system files, 16 to 23 list extents of $MFT if record 0
// cannot list them all, 24 to 26 are the children of $Extend,
// 64 and above the caller's entries, and behind those the extension records of
// files with too many extents for one record.
//
// All of it is planned in memory before the first byte is written, so options
// that do not fit leave the device as it was. The boot sector is erased first
// and written last, so that an interrupted format leaves no volume behind.
// Space that holds nothing is never touched: a sparse image stays sparse, and
// on a device that is not new, unused clusters keep their old contents.
//
// The facts come from the public NTFS documentation (linux-ntfs project) and
// from volumes formatted by Windows 10.
package format

import (
	"fmt"
	"io"
	"time"
)

// Device is what a volume is written to. The volume begins at offset 0.
type Device interface {
	io.WriterAt
	Size() int64 // in bytes
}

// Options describes a volume. The zero value of each field is a usable default.
type Options struct {
	Size          int64       // bytes, a multiple of SectorSize; 0 = the whole device
	SectorSize    int         // 512 (default) or 4096
	ClusterSize   int         // power of two, SectorSize..2 MiB; default 4096
	Label         string      // at most 32 UTF-16 units
	Serial        uint64      // 0 = made from Seed
	Time          time.Time   // of everything without a time of its own; zero = 2026-01-01 UTC
	Seed          uint64      // chooses the serial and where fragments land
	HiddenSectors uint32      // sectors before the volume on its disk (informative)
	VolumeFlags   VolumeFlags // of $Volume
	Log           LogState    // what $LogFile looks like
	LogSize       int64       // bytes of $LogFile; 0 = by volume size, as Windows does
	// ExtraRecords adds at least this many free records to $MFT. They are never
	// written, so that even millions cost nothing; the device must read as zeros
	// there, which a record that was never used does on Windows, too.
	ExtraRecords int64
	// MFTFragments is the number of extents of $MFT; 0 is one. Each holds 24
	// records or more. Those that record 0 cannot list are in records 16 to 23.
	MFTFragments int
	Torn         Torn    // what a power cut left half-written
	Root         []Entry // what the root directory holds
}

// VolumeFlags are the flags of $VOLUME_INFORMATION.
type VolumeFlags uint16

// Flags of $VOLUME_INFORMATION that say something about the volume's health.
const (
	VolumeDirty          VolumeFlags = 0x0001 // chkdsk is to run at the next boot
	VolumeResizeLog      VolumeFlags = 0x0002
	VolumeUpgrade        VolumeFlags = 0x0004
	VolumeDeleteUSN      VolumeFlags = 0x0010
	VolumeMounted        VolumeFlags = 0x0080 // set on every healthy Windows 10 volume
	VolumeChkdskUnderway VolumeFlags = 0x4000
	VolumeChkdskModified VolumeFlags = 0x8000
)

// Entry is a file or a directory.
type Entry struct {
	// Name as Windows shows it. A legal upper-case 8.3 name is stored in the
	// Win32+DOS namespace, any other in the POSIX namespace, as Windows does on
	// volumes without short names; with a ShortName, in the Win32 namespace.
	Name      string
	ShortName string // optional 8.3 alias, such as PROGRA~1

	Dir []Entry // non-nil (possibly empty): a directory with these entries

	// Contents of a file: Data from its start, or Content, read Size bytes
	// without ever holding them in memory. Size 0 means len(Data); clusters
	// that neither covers are allocated but never written.
	Data    []byte
	Content io.ReaderAt
	Size    int64
	// Written limits what is copied from Content: nil is everything, other
	// ranges of the file are allocated but left as the device has them.
	Written []Range
	// Fragments is the number of extents the file is scattered into, in shuffled
	// order. 0 leaves it to the formatter: resident if it fits the MFT record,
	// else in one piece. It cannot exceed the file's clusters. Of a directory it
	// is the number of extents of its index blocks, which it then has in any case.
	Fragments int
	// InitializedSize (valid data length), if not nil, is where NTFS readers
	// begin to see zeros. Contents behind it are written all the same, as a
	// crash dump is.
	InitializedSize *int64
	// Holes makes the file sparse: these ranges, ascending multiples of 16
	// clusters (the last may go to the end of the file), have no clusters, and
	// contents there are not written. Fragments counts the clusters between.
	Holes []Range
	// Compressed stores the file compressed, in units of 16 clusters of at most
	// 4 KiB. Its contents are held in memory while the volume is made.
	Compressed bool
	Streams    []Stream // alternate data streams, of files and directories
	Reparse    *Reparse // what the file or directory stands for instead

	Attributes FileAttributes // DOS attributes; a file without any is AttrArchive
	Times      Times

	// Deleted names files this directory once held. They stay as leftovers a
	// reader must not list: in an index block its bitmap says is free, in the
	// slack behind the entries of one in use, and as MFT records not in use.
	Deleted []string
}

// Stream is an alternate data stream. Fields mean what they mean in Entry.
type Stream struct {
	Name            string
	Data            []byte
	Content         io.ReaderAt
	Size            int64
	Written         []Range
	Fragments       int
	InitializedSize *int64
	Holes           []Range
	Compressed      bool
}

// Reparse is a reparse point: a symbolic link, a mount point, a file that some
// filter driver holds in another form.
type Reparse struct {
	Tag  uint32 // such as 0xa000000c, a symbolic link
	Data []byte
}

// Range is a piece of a file, in bytes.
type Range struct{ Off, Len int64 }

// Times are the four times of a file. Zero ones are Options.Time.
type Times struct{ Created, Modified, Changed, Accessed time.Time }

// FileAttributes are the DOS attributes of a file.
type FileAttributes uint32

// DOS attributes.
const (
	AttrReadOnly FileAttributes = 0x0001
	AttrHidden   FileAttributes = 0x0002
	AttrSystem   FileAttributes = 0x0004
	AttrArchive  FileAttributes = 0x0020

	attrSparse     FileAttributes = 0x0200
	attrReparse    FileAttributes = 0x0400
	attrCompressed FileAttributes = 0x0800
	attrDirectory  FileAttributes = 0x10000000 // has an $I30 index ($FILE_NAME only)
	attrViewIndex  FileAttributes = 0x20000000 // has another index

	settableAttributes = AttrReadOnly | AttrHidden | AttrSystem | AttrArchive | 0x2000 // 0x2000: not content indexed
)

// Write formats dev and writes all entries to it. Errors in the options are
// reported as ErrOptions or ErrNoSpace before anything is written.
func Write(dev Device, o Options) error {
	_, err := write(dev, o)
	return err
}

// Build is Write, and reports where everything landed.
func Build(dev Device, o Options) (*Layout, error) {
	v, err := write(dev, o)
	if err != nil {
		return nil, err
	}
	return v.layout(), nil
}

func write(dev Device, o Options) (*volume, error) {
	v, err := plan(dev.Size(), o)
	if err != nil {
		return nil, fmt.Errorf("plan NTFS volume: %w", err)
	}
	if err := v.writeTo(dev); err != nil {
		return nil, fmt.Errorf("write NTFS volume: %w", err)
	}
	return v, nil
}
