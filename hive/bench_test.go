package hive

import (
	"bytes"
	"fmt"
	"testing"

	"www.velocidex.com/golang/regparser"
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

// windows7 is the hive that walks are measured on.
func windows7(b *testing.B) []byte {
	b.Helper()
	return sample(b, "real/SYSTEM_win7sp1_x86")
}

// BenchmarkWalk visits every key and value of a hive and takes each name and the data.
func BenchmarkWalk(b *testing.B) {
	p := windows7(b)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		root, err := mustOpen(b, files{p}).Key("")
		if err != nil {
			b.Fatal(err)
		}
		if n := namesAndData(b, root); n < 1<<20 {
			b.Fatal(n)
		}
	}
}

// namesAndData counts the bytes of all names and data.
func namesAndData(b *testing.B, k *Key) (n int) {
	b.Helper()
	n = len(k.Name())
	for v, err := range k.Values() {
		if err != nil {
			b.Fatal(err)
		}
		n += len(v.Name) + len(v.Data)
	}
	for sub, err := range k.Subkeys() {
		if err != nil {
			b.Fatal(err)
		}
		n += namesAndData(b, sub)
	}
	return n
}

// BenchmarkWalkSecondReader is the same walk by another reader.
func BenchmarkWalkSecondReader(b *testing.B) {
	p := windows7(b)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := regparser.NewRegistry(bytes.NewReader(p))
		if err != nil {
			b.Fatal(err)
		}
		if n := namesAndDataSecond(r.OpenKey("")); n < 1<<20 {
			b.Fatal(n)
		}
	}
}

func namesAndDataSecond(k *regparser.CM_KEY_NODE) (n int) {
	n = len(k.Name())
	if k.ValueList().Count() > 0 {
		for _, v := range k.Values() {
			n += len(v.ValueName()) + len(v.ValueData().Data)
		}
	}
	if k.SubKeyCounts()[0] > 0 {
		for _, sub := range k.Subkeys() {
			n += namesAndDataSecond(sub)
		}
	}
	return n
}

// BenchmarkBuild makes a hive of 120000 values in 30000 keys, as the import of a whole SYSTEM hive does.
func BenchmarkBuild(b *testing.B) {
	for b.Loop() {
		h := New(NewOptions{})
		for i := range 120_000 {
			path := fmt.Sprintf(`ControlSet001\Services\service%03d\Key%03d`, i/4%300, i/1200)
			setValue(b, h, path, Value{fmt.Sprint("value", i%4), Binary, pattern(i % 60)})
		}
		if err := h.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDelete deletes nearly all of a 15 MB hive.
func BenchmarkDelete(b *testing.B) {
	p := cleanWindows10(b)
	for b.Loop() {
		if err := mustOpen(b, files{p}).DeleteKey("ControlSet001"); err != nil {
			b.Fatal(err)
		}
	}
}
