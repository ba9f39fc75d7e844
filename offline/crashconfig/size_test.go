package crashconfig

import (
	"errors"
	"testing"

	"hangkit/offline/windows"
)

func TestNeed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		t       DumpType
		ram     int64
		is64    bool
		ok, min int64
		known   bool
	}{
		{"small", Small, 0, true, 2, 2, true},
		{"none", NoDump, 0, true, 0, 0, true},
		{"kernel 64-bit", Kernel, 8192, true, 8320, 512, true},
		{"automatic 64-bit", Automatic, 65536, true, 65664, 512, true},
		{"kernel 64-bit, RAM unknown", Kernel, 0, true, 0, 512, false},
		{"kernel 64-bit, tiny RAM", Kernel, 256, true, 384, 384, true},
		{"kernel 32-bit below 1374 MB", Kernel, 1000, false, 1500, 150, true},
		{"kernel 32-bit at 1373 MB", Kernel, 1373, false, 2059, 150, true},
		{"kernel 32-bit at 1374 MB", Kernel, 1374, false, 2064, 150, true},
		{"kernel 32-bit, RAM unknown", Kernel, 0, false, 2064, 150, true},
		{"complete", Complete, 8192, true, 8492, 8193, true},
		{"complete, RAM unknown", Complete, 0, true, 0, 512, false},
		{"active", Active, 9000, true, 9300, 3000, true},
	} {
		n, known := need(tt.t, tt.ram, tt.is64)
		if n != (Need{tt.ok, tt.min}) || known != tt.known {
			t.Errorf("%s: %+v, %v; want {%d %d}, %v", tt.name, n, known, tt.ok, tt.min, tt.known)
		}
	}
}

func TestParseSize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"0": 0, "512": 512, "16G": 16 << 30, "16 GiB": 16 << 30, "16gb": 16 << 30, "100m": 100 << 20, "1K": 1024, "2T": 2 << 40,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "G", "-1", "+5", "1.5G", "9999999999T", "16X", "1GG", "8MG", "8KM", "8GK", "0x10"} {
		if got, err := ParseSize(in); !errors.Is(err, ErrSize) {
			t.Errorf("ParseSize(%q) = %d, %v; want ErrSize", in, got, err)
		}
	}
}

func TestParseRAM(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"1M": 1 << 20, "64G": 64 << 30, "1048576": 1 << 20} {
		if got, err := ParseRAM(in); err != nil || got != want {
			t.Errorf("ParseRAM(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"1k", "64", "0", "1023K", "", "G"} {
		if got, err := ParseRAM(in); !errors.Is(err, ErrSize) {
			t.Errorf("ParseRAM(%q) = %d, %v; want ErrSize", in, got, err)
		}
	}
}

// What a running system counts as its memory is rounded up to what is built in; what the user says is not.
func TestRAMOfThisMachine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		bytes  int64
		source string
		want   int64
	}{
		{"MemTotal of 8 GB", 8_000_000_000, windows.ThisMachine, 7680},
		{"MemTotal of 16 GB", 16_316_380 << 10, windows.ThisMachine, 16000},
		{"a multiple", 8 << 30, windows.ThisMachine, 8192},
		{"by the user", 8_000_000_000, "--ram", 7629},
		{"unknown", 0, "", 0},
	} {
		f := &windows.Facts{RAM: windows.Fact[int64]{Value: tt.bytes, Known: tt.bytes > 0, Source: tt.source}}
		if got := ramMB(f); got != tt.want {
			t.Errorf("%s: %d MB, want %d", tt.name, got, tt.want)
		}
	}
}

// A page file of the size that MemTotal shows is too small for a complete dump.
func TestCompleteNeedsRAMOfThisMachine(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{windows.ThisMachine: true, "--ram": false} {
		f := ready()
		crash(dword("CrashDumpEnabled", 1))(f)
		pages(`C:\pagefile.sys 7660 7660`)(f)
		f.RAM = windows.Fact[int64]{Value: 7650 * mib, Known: true, Source: source}
		if _, got := ruleCompleteNeedsRAM(f); got != want {
			t.Errorf("%s: C27 complains: %v, want %v", source, got, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"16G", "", "KB", "1 TiB", "+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("%q: negative size %d", s, n)
		}
	})
}
