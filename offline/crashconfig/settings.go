package crashconfig

import (
	"errors"
	"fmt"
	"strings"
)

// Choice is a setting that can be asked for, declined, or left to the default.
type Choice int

// Choices.
const (
	ByDefault Choice = iota
	Yes
	No
)

// Settings are what the user asks [PlanArm] for. The zero Settings are the best default for the Windows at hand.
type Settings struct {
	Profile        Profile      // what the settings left at their zero become
	Dump           DumpType     // Unspecified: kernel before Windows 8, automatic from then on
	Keyboard       *Combination // nil: keep what works, else right Ctrl + Scroll Lock
	NMI            Choice
	PowerButton    Choice // by default on portable machines only
	KeepDump       Choice // AlwaysKeepMemoryDump
	Overwrite      Choice
	LogEvent       Choice
	DumpLog        Choice            // EnableLogFile
	StopParameters Choice            // DisplayParameters; by default where the stop screen stays
	AutoReboot     Choice            // and nocrashautoreboot in the boot store
	BootLog        Choice            // bootlog in the boot store
	AutoRepair     Choice            // recoveryenabled in the boot store
	PageFiles      []PageFileRequest // one for each drive; none: change the page file only if the dump would not fit
	Dedicated      *Dedicated
	DumpFile       string // Windows path, or DefaultPlace; empty: keep a usable one
	AllControlSets bool   // change the sets that do not boot as well

	KeepFastStartup   bool // leave HiberbootEnabled, which is switched off otherwise
	LiftGuardedHost   bool // let a guarded host dump: its policy protects other people's virtual machines
	DropBadEncryption bool // switch dump encryption off where it has no usable key
}

// DefaultPlace stands for Windows' own place of the dump file: a word that any command line passes on unchanged, other
// than %SystemRoot%.
const DefaultPlace = "default"

// PageFileRequest is the page file asked for on one drive. Without sizes Windows manages it.
type PageFileRequest struct {
	Drive            byte  // upper case; 0: where Windows is
	None             bool  // no page file there
	Initial, Maximum int64 // MB
}

// managed reports a page file whose size is left to Windows.
func (r PageFileRequest) managed() bool { return !r.None && r.Initial == 0 }

// Dedicated is a dedicated dump file.
type Dedicated struct {
	Path string // Windows path, D:\hangkit.dmp
	MB   int64  // 0: as large as the dump may become
}

// ErrRefused is wrapped by every [*RefusedError].
var ErrRefused = errors.New("refused")

// RefusedError says which setting cannot work on this Windows, and why.
type RefusedError struct {
	Flag string // "--power-button"
	Why  string
}

func (e *RefusedError) Error() string { return e.Flag + ": " + e.Why }

// Unwrap returns ErrRefused.
func (e *RefusedError) Unwrap() error { return ErrRefused }

func refuse(flag, format string, args ...any) error {
	return &RefusedError{Flag: flag, Why: fmt.Sprintf(format, args...)}
}

// maxPageFileMB is the largest page file Windows takes.
const maxPageFileMB = 16 << 20

// ErrPageFile says that a page file was not asked for as a drive and a size.
var ErrPageFile = errors.New("unreadable page file")

// ParsePageFile reads [DRIVE:]system, [DRIVE:]none or [DRIVE:]SIZE[:MAX], rounded up to whole MB.
func ParsePageFile(s string) (PageFileRequest, error) {
	var r PageFileRequest
	rest := strings.TrimSpace(s)
	if len(rest) > 1 && rest[1] == ':' && isLetter(rest[0]) {
		r.Drive, rest = strings.ToUpper(rest)[0], rest[2:]
	}
	switch {
	case strings.EqualFold(rest, "system"):
		return r, nil
	case strings.EqualFold(rest, "none"):
		r.None = true
		return r, nil
	}
	err := r.parseSizes(rest)
	return r, err
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func (r *PageFileRequest) parseSizes(s string) error {
	first, second, two := strings.Cut(s, ":")
	initial, err := ParseSize(first)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPageFile, err)
	}
	maximum := initial
	if two {
		if maximum, err = ParseSize(second); err != nil {
			return fmt.Errorf("%w: %w", ErrPageFile, err)
		}
	}
	r.Initial, r.Maximum = toMB(initial), toMB(maximum)
	switch {
	case r.Initial == 0:
		return fmt.Errorf("%w %q: a size of nothing; say none or system", ErrPageFile, s)
	case r.Maximum < r.Initial:
		return fmt.Errorf("%w %q: the maximum is smaller than the size", ErrPageFile, s)
	case r.Maximum > maxPageFileMB:
		return fmt.Errorf("%w %q: Windows takes 16 TB at most", ErrPageFile, s)
	}
	return nil
}

// toMB rounds up without overflow.
func toMB(n int64) int64 {
	mb := n / mib
	if n%mib != 0 {
		mb++
	}
	return mb
}

// ErrDedicated says that a dedicated dump file was not named as a path and a size.
var ErrDedicated = errors.New("unreadable dedicated dump file")

// ParseDedicated reads PATH[:SIZE], PATH being a Windows path with a drive letter.
func ParseDedicated(s string) (Dedicated, error) {
	path, size := s, ""
	if at := strings.LastIndexByte(s, ':'); at > 1 {
		path, size = s[:at], s[at+1:]
	}
	if len(path) < 4 || path[1] != ':' || path[2] != '\\' {
		return Dedicated{}, fmt.Errorf(`%w: %s: want a path such as D:\hangkit.dmp, colon, size`, ErrDedicated, s)
	}
	if size == "" {
		return Dedicated{Path: path}, nil
	}
	n, err := ParseSize(size)
	return Dedicated{Path: path, MB: toMB(n)}, err
}
