package hive

import (
	"errors"
	"testing"
)

// What a full check says of hives written by Windows and of damaged ones.
func TestValidateSamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		valid bool
	}{
		{"real/SYSTEM_win7sp1_x86", true},
		{"real/SYSTEM_winxpsp3_x86_m57", true},
		{"real/SYSTEM_win2003dc_x86", true},
		{"real/SYSTEM_winxp_regsave_v1.3", true},
		{"real/SYSTEM_win10_10240_small", true},
		{"real/SOFTWARE_winxpsp3_x86", true},
		{"real/SYSTEM_B/SYSTEM_B.expected", true},
		{"real/BCD", true},
		{"yarp/BigDataHive", true},
		{"yarp/ManySubkeysHive", true},
		{"yarp/UnicodeHive", true},
		{"yarp/UpcaseHive", true},
		{"yarp/ExtendedASCIIHive", true},
		{"yarp/BogusKeyNamesHive", true},
		{"yarp/HealedHive", true},
		{"yarp/System_Delta", true},
		{"yarp/OffHive", true},
		{"yarp/RemnantsHive", true},
		{"yarp/TwoOwnersHive", true},
		{"misc/hivex_minimal", true},
		{"misc/hivex_rlenvalue_test_hive", true},
		{"misc/nt-hive_testhive", true},
		{"misc/EZ_SAM_DUPENAME", true},
		{"misc/EZ_SAM_hasBigEndianDWord", true},
		{"misc/EZ_SECURITYNoRoot", true},
		{"real/corrupted_system_hive", false},
		{"misc/EZ_SAMBadHBinHeader", false},
		{"yarp/BadListHive", false},
		{"yarp/BadSubkeyHive", false},
		{"yarp/CompHive", false},
		{"yarp/DuplicateSubkeysHive", false},
		{"yarp/InvalidParentHive", false},
		{"yarp/TruncatedNameHive", false},
		{"yarp/WrongOrderHive", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := mustOpen(t, files{sample(t, c.name)}).Validate()
			if c.valid != (err == nil) {
				t.Errorf("error %v", err)
			}
			var format *FormatError
			if err != nil && (!errors.As(err, &format) || !errors.Is(err, ErrFormat) || format.Off == 0) {
				t.Errorf("%v is no FormatError with an offset", err)
			}
		})
	}
}

// Each rule, broken in a hive that is valid otherwise.
func TestValidateRules(t *testing.T) {
	t.Parallel()
	key := func(tb testing.TB, h *Hive, path string) keyNode {
		tb.Helper()
		n, err := h.bins.editKeyNode(mustKey(tb, h, path).off)
		if err != nil {
			tb.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		name     string
		harmless bool
		damage   func(tb testing.TB, h *Hive)
	}{
		{"bin signature", false, func(_ testing.TB, h *Hive) { h.bins.data[0] = 'x' }},
		{"bin offset", false, func(_ testing.TB, h *Hive) { h.bins.data[4]++ }},
		{"bin size", false, func(_ testing.TB, h *Hive) { binHeader(h.bins.data).setSize(0xFFFFF000) }},
		{"cell size", false, func(_ testing.TB, h *Hive) { h.bins.data[binHeaderSize]++ }},
		{"root cell", false, func(_ testing.TB, h *Hive) { h.base.setRootCell(64) }},
		{"parent", false, func(tb testing.TB, h *Hive) { tb.Helper(); key(tb, h, `A\B`).setParent(32) }},
		{"number of subkeys", false, func(tb testing.TB, h *Hive) { tb.Helper(); key(tb, h, "A").setSubkeyCount(2) }},
		{"number of values", false, func(tb testing.TB, h *Hive) { tb.Helper(); key(tb, h, `A\B`).setValueCount(50) }},
		{"cycle of keys", false, func(tb testing.TB, h *Hive) {
			tb.Helper()
			key(tb, h, `A\B`).setSubkeyList(mustKey(tb, h, "A").node.subkeyList())
			key(tb, h, `A\B`).setSubkeyCount(1)
		}},
		{"index root of itself", false, func(tb testing.TB, h *Hive) {
			tb.Helper()
			off, err := h.newList(indexRoot, make([]byte, 4))
			if err != nil {
				tb.Fatal(err)
			}
			l, _ := h.bins.editSubkeyList(off)
			le.PutUint32(l.entry(0), off)
			key(tb, h, "A").setSubkeyList(off)
		}},
		{"name hash", false, func(tb testing.TB, h *Hive) {
			tb.Helper()
			l, _ := h.bins.editSubkeyList(mustKey(tb, h, "A").node.subkeyList())
			l.entry(0)[5]++
		}},
		{"security", false, func(tb testing.TB, h *Hive) { tb.Helper(); key(tb, h, "A").setSecurity(32) }},
		{"references", true, func(tb testing.TB, h *Hive) {
			tb.Helper()
			s, _ := h.bins.editKeySecurity(mustKey(tb, h, "A").node.security())
			s.setRefs(77)
		}},
		{"lost cell", true, func(tb testing.TB, h *Hive) {
			tb.Helper()
			if _, err := h.alloc(100); err != nil {
				tb.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := New(NewOptions{})
			setValue(t, h, `A\B`, Value{"big", Binary, pattern(20_000)})
			noFindings(t, h)
			c.damage(t, h)
			found := h.Findings()
			if len(found) == 0 || found[0].Harmless != c.harmless {
				t.Errorf("findings %v", found)
			}
			if c.harmless != (h.Validate() == nil) {
				t.Errorf("Validate: %v", h.Validate())
			}
		})
	}
}
