package regtext

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"hangkit/hive"
)

// contents are keys by their path in capitals, each with its values by name in capitals.
type contents map[string]map[string]hive.Value

func (c contents) key(path string) map[string]hive.Value {
	path = strings.ToUpper(strings.Join(names(path), `\`))
	if c[path] == nil {
		c[path] = map[string]hive.Value{}
	}
	return c[path]
}

func contentsOfHive(tb testing.TB, h *hive.Hive) contents {
	tb.Helper()
	c := contents{}
	err := walk(mustKey(tb, h, ""), system, func(k *hive.Key, path string) (bool, error) {
		values := c.key(path)
		for v, err := range k.Values() {
			if err != nil {
				return false, err
			}
			values[strings.ToUpper(v.Name)] = v
		}
		return true, nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func contentsOfText(f *File) contents {
	c := contents{}
	for _, k := range f.Keys {
		values := c.key(k.Path)
		for _, v := range k.Values {
			values[strings.ToUpper(v.Name)] = hive.Value{Name: v.Name, Type: v.Type, Data: v.Data}
		}
	}
	return c
}

// differences names what is not the same.
func differences(want, got contents) (list []string) {
	for path, values := range want {
		if got[path] == nil {
			list = append(list, fmt.Sprintf("lacks key %q", path))
			continue
		}
		for name, v := range values {
			if w, ok := got[path][name]; !ok {
				list = append(list, fmt.Sprintf("key %q lacks value %q: %v", path, name, v))
			} else if !w.Equal(v) {
				list = append(list, fmt.Sprintf("key %q value %q: %v, want %v", path, name, w, v))
			}
			delete(got[path], name)
		}
		for name, v := range got[path] {
			list = append(list, fmt.Sprintf("key %q has value %q: %v", path, name, v))
		}
		delete(got, path)
	}
	for path := range got {
		list = append(list, fmt.Sprintf("has key %q", path))
	}
	return list
}

// when says which runs of a test take a sample.
type when int

const (
	always when = iota
	inCI
	never // hivexregedit needs minutes
)

// oracleSamples are the hives for hivexregedit to export, and to merge our exports of.
var oracleSamples = []struct {
	name          string
	export, merge when
}{
	{"real/BCD", always, always}, {"real/SYSTEM_winxp_regsave_v1.3", always, inCI}, {"real/SYSTEM_win2003dc_x86", inCI, inCI},
	{"yarp/UpcaseHive", always, always}, {"yarp/ExtendedASCIIHive", always, always}, {"yarp/UnicodeHive", always, always},
	{"yarp/BigDataHive", always, always}, {"misc/nt-hive_testhive", always, always}, {"misc/EZ_SAM_hasBigEndianDWord", always, always},
	{"misc/hivex_rlenvalue_test_hive", always, always}, {"real/SYSTEM_win7sp1_x86", inCI, inCI}, {"real/SYSTEM_winxpsp3_x86_m57", inCI, inCI},
	{"real/SYSTEM_WIN_10_1709", inCI, never}, {"real/SOFTWARE_winxpsp3_x86", inCI, never},
}

func (w when) now() bool { return w == always || w == inCI && requireOracles() }

// clean makes a dirty primary look clean, so that it opens without its logs: equal sequence numbers
// and the checksum over 127 numbers.
func clean(primary []byte) []byte {
	copy(primary[8:12], primary[4:8])
	var sum uint32
	for i := 0; i < 508; i += 4 {
		sum ^= binary.LittleEndian.Uint32(primary[i:])
	}
	binary.LittleEndian.PutUint32(primary[508:], sum)
	return primary
}

// hivexregedit's export holds the same keys, values, types and data as the hive. Explained:
//   - it sorts, ends lines with LF, wraps none, and writes all types but REG_DWORD as hex(N):, which
//     Parse reads as the same;
//   - the root's path ends with a backslash, which names no key;
//   - lines whose characters are all below U+0100 are written in Latin-1, others in UTF-8: [toUTF8].
func TestOracleHivexregeditExport(t *testing.T) {
	t.Parallel()
	for _, s := range oracleSamples {
		if !s.export.now() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			primary := clean(sample(t, s.name))
			text := hivexregedit(t, nil, "--export", "--prefix", system, writeHive(t, primary), `\`)
			f, err := Parse(toUTF8(text))
			if err != nil {
				t.Fatal(err)
			}
			report(t, differences(contentsOfHive(t, mustOpen(t, primary)), contentsOfText(f)))
		})
	}
}

// What hivexregedit merges out of our export reads back as the same. Explained:
//   - it takes bytes for characters, so keys and values with others than ASCII are left out here;
//   - it reads strings in one line only, so those with line breaks are left out;
//   - it writes values of more than 16344 bytes into one cell, so the hive is of version 1.3, where
//     that is right.
func TestOracleHivexregeditMerge(t *testing.T) {
	t.Parallel()
	for _, s := range oracleSamples {
		if !s.merge.now() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			primary := clean(sample(t, s.name))
			f, err := Parse(mustExport(t, mustOpen(t, primary), UTF8))
			if err != nil {
				t.Fatal(err)
			}
			keys, values := onlyPlain(f)
			t.Logf("left out: %d keys, %d values", keys, values)
			empty, err := hive.New(hive.NewOptions{Minor: 3}).Bytes()
			if err != nil {
				t.Fatal(err)
			}
			path := writeHive(t, empty)
			hivexregedit(t, []byte(mustWrite(t, f, UTF8)), "--merge", "--prefix", system, path)
			merged, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			report(t, differences(contentsOfText(f), contentsOfHive(t, mustOpen(t, merged))))
		})
	}
}

// onlyPlain takes keys and values out of a text that are not all ASCII in one line.
func onlyPlain(f *File) (keys, values int) {
	odd := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 || r == '\r' || r == '\n' })
	}
	n := len(f.Keys)
	f.Keys = slices.DeleteFunc(f.Keys, func(k Key) bool { return odd(k.Path) })
	for i, k := range f.Keys {
		values += len(k.Values)
		f.Keys[i].Values = slices.DeleteFunc(k.Values, func(v Value) bool {
			return odd(v.Name) || v.Type == hive.SZ && odd(hive.Value{Data: v.Data}.Text())
		})
		values -= len(f.Keys[i].Values)
	}
	return n - len(f.Keys), values
}

// toUTF8 gives lines that are not UTF-8 the characters that their bytes number.
func toUTF8(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		if utf8.Valid(line) {
			out = append(out, line...)
			continue
		}
		for _, c := range line {
			out = utf8.AppendRune(out, rune(c))
		}
	}
	return out
}

func report(t *testing.T, list []string) {
	t.Helper()
	const enough = 20
	for _, d := range list[:min(len(list), enough)] {
		t.Error(d)
	}
	if len(list) > enough {
		t.Errorf("and %d more", len(list)-enough)
	}
}

func writeHive(t *testing.T, p []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hive")
	if err := os.WriteFile(path, p, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func hivexregedit(t *testing.T, stdin []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program(t, "hivexregedit"), args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("hivexregedit: %v\n%s", err, stderr.Bytes())
	}
	return out
}
