package hive

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// countTree counts the keys and values below a key, the key itself included.
func countTree(tb testing.TB, k *Key) (keys, values int) {
	tb.Helper()
	keys = 1
	for _, err := range k.Values() {
		if err != nil {
			tb.Fatalf("values of %q: %v", k.Name(), err)
		}
		values++
	}
	for sub, err := range k.Subkeys() {
		if err != nil {
			tb.Fatalf("subkeys of %q: %v", k.Name(), err)
		}
		n, v := countTree(tb, sub)
		keys, values = keys+n, values+v
	}
	return keys, values
}

func mustKey(tb testing.TB, h *Hive, path string) *Key {
	tb.Helper()
	k, err := h.Key(path)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestNewHiveReadsBack(t *testing.T) {
	t.Parallel()
	for _, minor := range []uint32{3, 5} {
		t.Run(fmt.Sprintf("1.%d", minor), func(t *testing.T) {
			t.Parallel()
			h := New(NewOptions{Minor: minor, Now: testTime})
			values := []Value{
				{"", SZ, EncodeSZ("default")},
				{"empty", Binary, []byte{}},
				{"one", Binary, []byte{1}},
				{"dword", DWORD, EncodeDWORD(42)},
				{"qword", QWORD, EncodeQWORD(1 << 40)},
				{"multi", MultiSZ, EncodeMultiSZ([]string{"a", "bc"})},
				{"Größe", SZ, EncodeSZ("ä")},
				{"имя", SZ, EncodeSZ("значение")},
				{"plain", Binary, pattern(16344)},
				{"big", Binary, pattern(16345)},
				{"bigger", Binary, pattern(100_000)},
			}
			for _, v := range values {
				if err := h.SetValue(`Select\Below`, v); err != nil {
					t.Fatal(err)
				}
			}
			h = mustOpen(t, files{mustBytes(t, h)})
			k := mustKey(t, h, "select/BELOW")
			for _, want := range values {
				got, err := k.Value(want.Name)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("value %q (-want +got):\n%s", want.Name, d)
				}
			}
			if keys, n := countTree(t, mustKey(t, h, "")); keys != 3 || n != len(values) {
				t.Errorf("%d keys, %d values", keys, n)
			}
			if !k.LastWritten().Equal(testTime) {
				t.Errorf("last written %v", k.LastWritten())
			}
			if _, err := h.Key(`Select\Missing`); !errors.Is(err, ErrNotExist) {
				t.Errorf("missing key: %v", err)
			}
			if _, err := k.Value("missing"); !errors.Is(err, ErrNotExist) {
				t.Errorf("missing value: %v", err)
			}
		})
	}
}

// pattern is n bytes without a period that a sector or segment shares.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i/251)
	}
	return p
}

// The counts are those an independent reader gives for these files.
func TestRealHivesCount(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		keys, values int
	}{
		{"real/SYSTEM_win7sp1_x86", 30756, 73456},
		{"real/BCD", 132, 103},
		{"real/SYSTEM_winxpsp3_x86_m57", 9629, 26819},
		{"real/SYSTEM_win2003dc_x86", 5734, 20395},
		{"real/SYSTEM_winxp_regsave_v1.3", 4917, 13673},
		{"real/SYSTEM_win10_10240_small", 1100, 2383},
		{"real/SOFTWARE_winxpsp3_x86", 44446, 72335},
		{"misc/nt-hive_testhive", 528, 12},
		{"yarp/BigDataHive", 2, 2},
		{"yarp/ManySubkeysHive", 5003, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := mustOpen(t, files{sample(t, c.name)})
			keys, values := countTree(t, mustKey(t, h, ""))
			if keys != c.keys || values != c.values {
				t.Errorf("%d keys, %d values, want %d and %d", keys, values, c.keys, c.values)
			}
		})
	}
}
