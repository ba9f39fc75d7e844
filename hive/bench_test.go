package hive

import (
	"fmt"
	"testing"
)

// cleanWindows10 is a Windows 10 SYSTEM hive of 15 MB, its base block made clean.
func cleanWindows10(b *testing.B) []byte {
	b.Helper()
	p := sample(b, "real/SYSTEM_WIN_10_1709")
	baseBlock(p).setSequences(4317, 4317)
	baseBlock(p).seal()
	return p
}

// BenchmarkLookup opens a clean 15 MB hive and looks up 20 values, as check does.
func BenchmarkLookup(b *testing.B) {
	f := files{cleanWindows10(b)}
	names := [][2]string{{"Select", "Current"}, {"Select", "Default"}}
	for _, v := range []string{"CrashDumpEnabled", "AutoReboot", "DumpFile", "LogEvent", "MinidumpDir", "Overwrite"} {
		names = append(names, [2]string{`ControlSet001\Control\CrashControl`, v})
	}
	for _, s := range []string{"kbdhid", "i8042prt", "hyperkbd", "volmgr", "disk", "stornvme", "storahci", "partmgr", "iaStorV", "NTFS", "Tcpip", "mouhid"} {
		names = append(names, [2]string{`ControlSet001\Services\` + s, "Start"})
	}
	var read int64
	b.ReportAllocs()
	for b.Loop() {
		h := mustOpen(b, f)
		for _, n := range names {
			k, err := h.Key(n[0])
			if err != nil {
				b.Fatal(err)
			}
			if _, err := k.Value(n[1]); err != nil {
				b.Fatal(err)
			}
		}
		read = h.BytesRead()
	}
	b.ReportMetric(float64(read)/1024, "KiB-read")
}

func BenchmarkRecover(b *testing.B) {
	f := sampleSet(b, "real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_B/SYSTEM_B.LOG1", "real/SYSTEM_B/SYSTEM_B.LOG2")
	b.ReportAllocs()
	for b.Loop() {
		mustOpen(b, f)
	}
}

func BenchmarkValidate(b *testing.B) {
	p := cleanWindows10(b)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if err := mustOpen(b, files{p}).Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkArm is a whole edit: open, change ten values, plan the commit.
func BenchmarkArm(b *testing.B) {
	f := files{cleanWindows10(b), make([]byte, 1<<20), make([]byte, 1<<20)}
	for b.Loop() {
		h := mustOpen(b, f)
		for i := range 10 {
			setValue(b, h, `ControlSet001\Control\CrashControl`, Value{fmt.Sprint("value", i), DWORD, EncodeDWORD(uint32(i))})
		}
		if c, err := h.Commit(CommitOptions{Generation: GenerationHvLE, Now: testTime}); err != nil || c.Protocol != ProtocolHvLE {
			b.Fatal(c, err)
		}
	}
}
