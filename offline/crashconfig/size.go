package crashconfig

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"hangkit/offline/windows"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

// DumpType is what a crash writes.
type DumpType int

// The dump types, by CrashDumpEnabled and FilterPages.
const (
	Unspecified DumpType = iota
	NoDump
	Small
	Kernel
	Automatic
	Active
	Complete
)

// Numbers of CrashDumpEnabled.
const (
	enabledNone      = 0
	enabledComplete  = 1
	enabledKernel    = 2
	enabledSmall     = 3
	enabledAutomatic = 7
)

var dumpTypes = []struct {
	t       DumpType
	enabled uint32
	name    string
}{
	{NoDump, enabledNone, "none"}, {Small, enabledSmall, "small"}, {Kernel, enabledKernel, "kernel"},
	{Automatic, enabledAutomatic, "automatic"}, {Active, enabledComplete, "active"}, {Complete, enabledComplete, "complete"},
}

// String is the name of the type as --dump takes it.
func (t DumpType) String() string {
	for _, d := range dumpTypes {
		if d.t == t {
			return d.name
		}
	}
	return "unspecified"
}

func (t DumpType) enabled() uint32 {
	for _, d := range dumpTypes {
		if d.t == t {
			return d.enabled
		}
	}
	return enabledNone
}

// DumpTypes are the names of the types.
func DumpTypes() []string {
	var names []string
	for _, d := range dumpTypes {
		names = append(names, d.name)
	}
	return names
}

// ErrDumpType says that a name is none of the dump types.
var ErrDumpType = errors.New("unknown dump type")

// ParseDumpType reads automatic, kernel, complete, active, small or none.
func ParseDumpType(s string) (DumpType, error) {
	for _, d := range dumpTypes {
		if strings.EqualFold(s, d.name) {
			return d.t, nil
		}
	}
	return Unspecified, fmt.Errorf("%w %q: want automatic, kernel, complete, active, small or none", ErrDumpType, s)
}

// configuredType is the type the installation is set to; Unspecified for numbers nobody documents.
func configuredType(f *windows.Facts) DumpType {
	n, ok := f.CrashControl.DWORD(windows.CrashDumpEnabled)
	if !ok {
		return NoDump
	}
	if n == enabledComplete && f.CrashControl.Is(windows.FilterPages, 1) && !f.Before(windows.Build10) {
		return Active
	}
	for _, d := range dumpTypes {
		if d.enabled == n && d.t != Active {
			return d.t
		}
	}
	return Unspecified
}

// Need is the room a dump wants in the page file or the dedicated file, in MB. Microsoft's own figures differ from page
// to page; OK is the largest of them, Min what a dump of that type cannot do without.
type Need struct {
	OK, Min int64
}

// Figures, in MB.
const (
	smallNeed        = 2    // KB 254649, the largest of three published
	kernelExtra64    = 128  // RAM + 128 MB: the most a 64-bit kernel dump can need
	kernelMin64      = 512  // ours: a 64-bit kernel alone exceeds it
	kernelMax32      = 2064 // 2 GB + 16 MB
	kernelMin32      = 150  // KB 254649
	kernelRAM32      = 1374 // from here on kernelMax32 applies
	completeExtra    = 300  // RAM + 300 MB: memory, header, secondary data
	completeExtraMin = 1    // RAM + 1 MB: memory and header
)

// need returns the room for a dump type with so much RAM (MB); false when that depends on an unknown RAM size.
func need(t DumpType, ram int64, is64Bit bool) (Need, bool) {
	switch {
	case t == Small:
		return Need{smallNeed, smallNeed}, true
	case t == NoDump:
		return Need{}, true
	case t != Active && t != Complete:
		return needKernel(ram, is64Bit)
	case ram == 0:
		return Need{Min: kernelMin64}, false
	case t == Active:
		return Need{ram + completeExtra, ram / 3}, true
	}
	return Need{ram + completeExtra, ram + completeExtraMin}, true
}

func needKernel(ram int64, is64Bit bool) (Need, bool) {
	switch {
	case is64Bit && ram == 0:
		return Need{Min: kernelMin64}, false
	case is64Bit:
		return Need{ram + kernelExtra64, min(kernelMin64, ram+kernelExtra64)}, true
	case ram == 0 || ram >= kernelRAM32:
		return Need{kernelMax32, kernelMin32}, true
	}
	return Need{min(ram*3/2, kernelMax32), kernelMin32}, true
}

// dumpNeed is need for an installation.
func dumpNeed(f *windows.Facts, t DumpType) (Need, bool) { return need(t, ramMB(f), f.Is64Bit()) }

// kernelSpace32 is all the memory a 32-bit kernel can address, in MB.
const kernelSpace32 = 2048

// usualKernel64 is what kernel dumps of 64-bit Windows seldom exceed, however much memory there is, in MB.
const usualKernel64 = 40 * 1024

// dumpSize estimates the size of the dump itself, in MB; 0 if unknown. A kernel dump is about a third of RAM, and usually
// below 40 GB.
func dumpSize(f *windows.Facts, t DumpType) int64 {
	ram := ramMB(f)
	switch {
	case t == Small:
		return 1
	case t == NoDump:
		return 0
	case t == Active || t == Complete:
		return ram
	case !f.Is64Bit():
		return min(ram/3, kernelSpace32)
	}
	return min(ram/3, usualKernel64)
}

// judgedType is the type page file and dedicated file are judged by. While dumps are off that is a kernel dump: what the
// page file lacks should be known before they are switched on.
func judgedType(f *windows.Facts) DumpType {
	if t := configuredType(f); t != NoDump {
		return t
	}
	return Kernel
}

// ramGrain is a unit of memory modules that no memory size falls between, in MB. What a running system counts is less
// than what is built in, by what firmware and kernel took for themselves; Windows may see more of it.
const ramGrain = 128

// clientRAM32 is the most memory that 32-bit clients reach, in MB: of the 4 GB below which they look, the devices' own
// addresses take a quarter of a GB and more.
const clientRAM32 = 4096 - 256

// installedMB is the memory size in MB, 0 if unknown; never less than Windows may find.
func installedMB(f *windows.Facts) int64 {
	if !f.Is64Bit() && f.Role.Value == windows.Client {
		return min(builtInMB(f), clientRAM32)
	}
	return builtInMB(f)
}

func builtInMB(f *windows.Facts) int64 {
	if f.RAM.Source == windows.ThisMachine {
		return (toMB(f.RAM.Value) + ramGrain - 1) / ramGrain * ramGrain
	}
	return f.RAM.Value / mib
}

// ramMB is the memory that Windows will use, in MB, 0 if unknown: the boot store can leave it less than there is. What
// would leave it none is not believed.
func ramMB(f *windows.Facts) int64 {
	ram := installedMB(f)
	if f.Boot == nil {
		return ram
	}
	if b := f.Boot.TruncateMemory; b.IsSet() && b.Value >= uint64(mib) {
		ram = min(ram, int64(b.Value/uint64(mib)))
	}
	if b := f.Boot.RemoveMemory; b.IsSet() && b.Value < uint64(ram) {
		ram -= int64(b.Value)
	}
	return ram
}

// ErrSize says that a size cannot be read.
var ErrSize = errors.New("unreadable size")

// ParseSize reads a size such as "8192M", "16G" or "17179869184" into bytes. Units are powers of 1024.
func ParseSize(s string) (int64, error) {
	text := strings.ToUpper(strings.TrimSpace(s))
	text = strings.TrimSuffix(strings.TrimSuffix(text, "IB"), "B")
	unit := int64(1)
	for i, u := range []string{"K", "M", "G", "T"} {
		if rest, ok := strings.CutSuffix(text, u); ok {
			text, unit = strings.TrimSpace(rest), int64(1)<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%w %q: want a number with K, M, G or T", ErrSize, s)
	}
	return n * unit, nil
}

// ParseRAM reads a memory size as [ParseSize] does, and refuses one that lacks its unit.
func ParseRAM(s string) (int64, error) {
	n, err := ParseSize(s)
	if err == nil && n < windows.MinRAM {
		return 0, fmt.Errorf("%w %q: no machine has so little memory; say M or G", ErrSize, s)
	}
	return n, err
}

// mbText writes a number of MB for people.
func mbText(mb int64) string {
	if mb >= 10*1024 {
		return fmt.Sprintf("%.1f GB", float64(mb)/1024)
	}
	return fmt.Sprintf("%d MB", mb)
}

func bytesText(n int64) string { return mbText(n / mib) }
