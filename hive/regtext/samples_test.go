package regtext

import (
	"bytes"
	"testing"

	"hangkit/hive"
)

// The export of a hive, applied to a new one, makes the same: its export is the same text, in the
// same order. The samples hold every type, values of every size, links and names of every kind.
func TestSamplesRebuild(t *testing.T) {
	t.Parallel()
	for _, s := range []struct {
		name string
		run  when
	}{
		{"real/BCD", always}, {"yarp/UnicodeHive", always}, {"yarp/UpcaseHive", always}, {"yarp/ExtendedASCIIHive", always},
		{"yarp/BigDataHive", always}, {"yarp/ManySubkeysHive", inCI}, {"yarp/StringValuesHive", always}, {"yarp/ValuesOrderHive", always},
		{"misc/nt-hive_testhive", always}, {"misc/EZ_SAM_hasBigEndianDWord", always}, {"misc/hivex_rlenvalue_test_hive", always},
		{"real/SYSTEM_win10_10240_small", always}, {"real/SYSTEM_winxp_regsave_v1.3", always}, {"real/SYSTEM_win2003dc_x86", inCI},
		{"real/SYSTEM_win7sp1_x86", inCI}, {"real/SYSTEM_2", inCI}, {"real/SYSTEM_WIN_10_1709", inCI}, {"real/SYSTEM_winxpsp3_x86_m57", inCI},
		{"real/SOFTWARE_winxpsp3_x86", inCI},
	} {
		if !s.run.now() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			old := mustOpen(t, clean(sample(t, s.name)))
			for _, e := range []Encoding{UTF16, UTF8} {
				text := mustExport(t, old, e)
				f, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				rebuilt := hive.New(hive.NewOptions{})
				mustApply(t, rebuilt, f)
				if err := rebuilt.Validate(); err != nil {
					t.Error(err)
				}
				again := mustExport(t, rebuilt, e)
				if !bytes.Equal(text, again) {
					at := 0
					for at < min(len(text), len(again)) && text[at] == again[at] {
						at++
					}
					t.Errorf("encoding %d: %d bytes, again %d, different from byte %d: %q", e, len(text), len(again), at, text[at:min(at+200, len(text))])
				}
				if sum := mustApply(t, old, f); sum != (Summary{Unchanged: sum.Unchanged}) || old.Changed() {
					t.Errorf("encoding %d: applied to the hive it is from: %+v", e, sum)
				}
			}
		})
	}
}
