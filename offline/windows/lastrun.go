package windows

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"hangkit/hive"
)

// LastRun is what the last Windows that ran from the disk left in the registry about itself. A boot that hangs early
// never writes it, so it may be older than the last boot.
type LastRun struct {
	BootID   Fact[uint32]    // counts the boots, as the header of a dump does
	Shutdown Fact[time.Time] // the last clean shutdown, by the machine's clock
}

func (f *Facts) readLastRun(r *reader) {
	set := f.ControlSet.lastRun()
	const prefetch = `Control\Session Manager\Memory Management\PrefetchParameters`
	if id, ok := r.values(set + `\` + prefetch).DWORD("BootId"); ok {
		f.LastRun.BootID = sure(id, `SYSTEM, `+prefetch+`, BootId`)
	}
	const control = `Control\Windows`
	if t, ok := r.values(set + `\` + control).fileTime("ShutdownTime"); ok {
		f.LastRun.Shutdown = sure(t, `SYSTEM, `+control+`, ShutdownTime`)
	}
}

// lastRun is the control set that the last boot used, or the one of the next where that is not known.
func (c ControlSet) lastRun() string {
	name := fmt.Sprintf("ControlSet%03d", c.Current)
	if slices.ContainsFunc(c.All, func(s string) bool { return strings.EqualFold(s, name) }) {
		return name
	}
	return c.Name
}

const (
	fileTimeSize = 8              // FILETIME: 100 ns since 1601, little-endian
	fileTimeUnix = 11644473600000 // ms from 1601 to 1970
	fileTimesMS  = 10_000         // FILETIMEs in a millisecond
)

func (v Values) fileTime(name string) (time.Time, bool) {
	val, ok := v.Value(name)
	if !ok {
		return time.Time{}, false
	}
	return FileTime(val)
}

// FileTime returns a FILETIME stored as REG_BINARY or REG_QWORD. Zero, and what no calendar shows, are none.
func FileTime(val hive.Value) (time.Time, bool) {
	if len(val.Data) != fileTimeSize {
		return time.Time{}, false
	}
	n := binary.LittleEndian.Uint64(val.Data)
	const lastMS = 253402300799_999 // the end of year 9999
	if ms := int64(n/fileTimesMS) - fileTimeUnix; ms >= 0 && ms <= lastMS {
		return time.UnixMilli(ms).UTC().Add(time.Duration(n%fileTimesMS) * 100), true
	}
	return time.Time{}, false
}

// LiveReportsPath is the folder of live kernel dumps, where a setting moved it.
const LiveReportsPath = "LiveKernelReportsPath"

// LiveReportsDir is where live kernel dumps go, if a setting says so. Windows writes the setting as a path of the kernel,
// `\??\C:\Windows\LiveKernelReports`.
func (f *Facts) LiveReportsDir() (Path, bool) {
	s, ok := f.LiveReports.Text(LiveReportsPath)
	if !ok {
		return Path{}, false
	}
	s = strings.TrimPrefix(s, `\??\`)
	if root := `\SystemRoot\`; len(s) > len(root) && strings.EqualFold(s[:len(root)], root) {
		s = `%SystemRoot%\` + s[len(root):]
	}
	return f.ExpandPath(s)
}

// CertificateThumbprint names the certificate that dumps are encrypted to; empty where none is set.
func (f *Facts) CertificateThumbprint() string {
	s, _ := f.Certificate.Text("Thumbprint")
	return strings.TrimSpace(s)
}

// Holds reports whether a path of the target lies on the volume with this identity, which is not the installation's own.
func (f *Facts) Holds(p Path, id VolumeID) bool {
	d, ok := f.Drive(p.Letter)
	return ok && d.ID.known() && d.ID.equal(id)
}
