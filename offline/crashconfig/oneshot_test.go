package crashconfig_test

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"hangkit/offline/crashconfig"
	"hangkit/offline/windows"
	"hangkit/offline/windows/windowstest"
)

// settled makes the two sequence numbers of a hive's base block the same, as they are once Windows has written all of it
// (regf specification, "Base block"): a hive that was copied from a running system without its logs.
func settled(b []byte) []byte {
	le := binary.LittleEndian
	out := append([]byte(nil), b...)
	copy(out[8:12], out[4:8])
	sum := uint32(0)
	for off := 0; off < 508; off += 4 {
		sum ^= le.Uint32(out[off:])
	}
	le.PutUint32(out[508:], sum)
	return out
}

// sampleMachine puts a real SYSTEM hive on a volume with 100 GB free, in a machine with 4 GB.
func sampleMachine(t *testing.T, name string) machine {
	t.Helper()
	const config = "Windows/System32/config/SYSTEM"
	files := fstest.MapFS{"pagefile.sys": {Data: make([]byte, 4096)}, "Windows/System32/drivers/dumpfve.sys": {}}
	switch name {
	case "real/SYSTEM_B/SYSTEM_B":
		files[config] = &fstest.MapFile{Data: windowstest.SampleFile(t, name+".xz")}
		for _, log := range []string{".LOG1", ".LOG2"} {
			files[config+log] = &fstest.MapFile{Data: windowstest.SampleFile(t, name+log+".xz")}
		}
	default:
		files[config] = &fstest.MapFile{Data: settled(windowstest.SampleFile(t, name+".xz"))}
	}
	i := windowstest.Open(t, windowstest.Volume{MapFS: files, FreeBytes: 100 * gb}, "Windows")
	i.System.AllowGrowth(int64(len(files[config].Data)) + 64<<10) // room for the record
	return machine{i, windowstest.Facts(t, i, windows.Live{RAM: 4 * gb, RAMSource: "--ram", BootProblem: "the sample is a hive alone"})}
}

// The one-shot plan for a real Windows of each generation, and everything back afterwards.
func TestOracleOneShotOnSamples(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"real/SYSTEM_winxpsp3_x86_m57", "real/SYSTEM_winxp_regsave_v1.3", "real/SYSTEM_win2003dc_x86", "real/SYSTEM_win7sp1_x86",
		"real/SYSTEM_2", "real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_WIN_10_1709", "real/SYSTEM_win10_10240_small",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if large := !strings.Contains(name, "small") && !strings.Contains(name, "m57"); large && os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
				t.Skip("a large hive: only with HANGKIT_REQUIRE_ORACLES=1")
			}
			m := sampleMachine(t, name)
			s := crashconfig.Settings{Profile: crashconfig.OneShot}
			p := m.plan(t, s)
			golden(t, "oneshot."+strings.ReplaceAll(strings.TrimPrefix(name, "real/"), "/", ".")+".plan.txt",
				m.f.Version.String()+"\n"+planText(p)+"after:\n"+complaints(crashconfig.Check(p.After)))
			roundTrip(t, m, s)
		})
	}
}

// complaints are the findings that are more than a note.
func complaints(r *crashconfig.Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Verdict > crashconfig.Note {
			b.WriteString(f.ID + " " + f.Verdict.String() + ": " + f.Title + "\n")
		}
	}
	return b.String()
}
