// Package collect finds crash dumps in the volumes of a machine that does not
// boot, and copies them out.
//
//	Find     looks in every place a dump can be, and gives each find a state
//	Rebuild  makes the header of a dump anew that a later boot zeroed
//	Extract  copies one find to a file, whole or marked as partial
//	Manifest lists what was taken, from where, and what is missing
//
// A crash is first written into the page file or the dedicated dump file,
// beneath the file system. The next boot turns that file into MEMORY.DMP, or
// into DUMP*.tmp on the way there; a machine that hangs at boot never gets
// so far. So the page file is read through its raw clusters, and how much of
// it is the dump follows from the dump's own format (package dumpfile).
package collect

import (
	"io"
	"io/fs"
	"time"
)

// Volume is a file system that dumps are looked for in. Names are slash paths
// as in io/fs.
type Volume interface {
	fs.ReadDirFS
	fs.StatFS
	// OpenRaw reads the clusters a file owns, in order, past the end that the
	// file system believes was written.
	OpenRaw(name string) (*io.SectionReader, error)
}

// Place is one volume and what a Windows says about dumps on it. Every name is a
// slash path inside the volume; an empty one means the default of Windows, or
// nothing where there is no SystemRoot. A volume may be in several places, where
// several installations name files on it.
type Place struct {
	Volume        Volume
	Label         string   // names the volume to the user
	SystemRoot    string   // "Windows"; empty on a volume without one
	DumpFile      string   // CrashControl\DumpFile
	MinidumpDir   string   // CrashControl\MinidumpDir
	DedicatedDump string   // CrashControl\DedicatedDumpFile
	PageFiles     []string // those of ExistingPageFiles and PagingFiles
	LiveReports   string   // CrashControl\LiveKernelReports\LiveKernelReportsPath
	ProgramDumps  []string // DumpFolder of Windows Error Reporting

	Certificate string // thumbprint of the one that dumps are encrypted to

	// What tells a stale dump, where it is known.
	BootID       uint32    // the boot counter of the registry
	LastShutdown time.Time // the last clean shutdown
}
