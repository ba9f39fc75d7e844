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
	Dump           DumpType     // Unspecified: kernel before Windows 8, automatic from then on
	Keyboard       *Combination // nil: keep what works, else right Ctrl + Scroll Lock
	NMI            Choice
	PowerButton    Choice // by default on portable machines only
	KeepDump       Choice // AlwaysKeepMemoryDump
	AutoReboot     Choice
	PageFile       *PageFileSize // nil: change it only if the dump would not fit
	Dedicated      *Dedicated
	DumpFile       string // Windows path, or DefaultPlace; empty: keep a usable one
	AllControlSets bool   // change the sets that do not boot as well
}

// DefaultPlace stands for Windows' own place of the dump file: a word that any command line passes on unchanged, other
// than %SystemRoot%.
const DefaultPlace = "default"

// PageFileSize is the page file asked for on the Windows volume; the zero size lets Windows manage it.
type PageFileSize struct {
	Initial, Maximum int64 // MB
}

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

// ParsePageFileSize reads "system" or SIZE[:MAX], rounded up to whole MB.
func ParsePageFileSize(s string) (PageFileSize, error) {
	if strings.EqualFold(strings.TrimSpace(s), "system") {
		return PageFileSize{}, nil
	}
	first, second, two := strings.Cut(s, ":")
	initial, err := ParseSize(first)
	if err != nil {
		return PageFileSize{}, err
	}
	maximum := initial
	if two {
		if maximum, err = ParseSize(second); err != nil {
			return PageFileSize{}, err
		}
	}
	p := PageFileSize{Initial: toMB(initial), Maximum: toMB(maximum)}
	if p.Initial == 0 || p.Maximum < p.Initial || p.Maximum > maxPageFileMB {
		return PageFileSize{}, fmt.Errorf("%w %q: the maximum must not be smaller than the size, the size neither zero nor above 16 TB", ErrSize, s)
	}
	return p, nil
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
