package collect_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"hangkit/collect"
	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
)

// hostileNames are names of dumps on an NTFS volume, as the disk has them, and what the
// copy of each is called before the time of its crash.
var hostileNames = []struct{ name, copied string }{
	{`CON.dmp`, "CON"}, // with a time behind it, it is no device
	{`NUL.dmp`, "NUL"},
	{`LPT9.x.dmp`, "_LPT9.x"}, // with an extension it would be
	{`..\..\..\evil.dmp`, "_005c_.._005c_.._005c_evil"},
	{`../../../evil.dmp`, "_002f_.._002f_.._002f_evil"},
	{`C:\evil.dmp`, "C_003a__005c_evil"},
	{`evil.txt:stream.dmp`, "evil.txt_003a_stream"},
	{"evil\r\n\x1b[2J.dmp", "evil___[2J"},
	{"\u202Epmd.exe.dmp", "_pmd.exe"},
	{`<script>|"?*.dmp`, "_003c_script_____"},
	{`evil. . ..dmp`, "evil. . ."},
	{`.hangkit-0.tmp.dmp`, "hangkit-0.tmp"},
	{`$(reboot)%TEMP%.dmp`, "_(reboot)_TEMP_"},
}

// hostileFolders are a folder for each of the names, under a name that can be formatted,
// and how to give them their own: names have no checksum.
func hostileFolders(t *testing.T) (folders []format.Entry, rename func(device []byte)) {
	t.Helper()
	plain := func(i int) string {
		return fmt.Sprintf("%02d%s.dmp", i, strings.Repeat("~", len(utf16.Encode([]rune(hostileNames[i].name)))-6))
	}
	for i := range hostileNames {
		dump := build(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: uint32(i + 1)})
		folders = append(folders, format.Entry{Name: fmt.Sprint("folder", i), Dir: []format.Entry{{Name: plain(i), Data: dump}}})
	}
	return folders, func(device []byte) {
		for i, h := range hostileNames {
			from, to := utf16le(plain(i)), utf16le(h.name)
			if n := bytes.Count(device, from); n < 2 { // in the record and in the index
				t.Fatalf("%q: %d places", h.name, n)
			}
			for at := bytes.Index(device, from); at >= 0; at = bytes.Index(device, from) {
				copy(device[at:], to)
			}
		}
	}
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// symlink is what CreateSymbolicLink writes for a relative target ([MS-FSCC] 2.1.2.4).
func symlink(target string) *format.Reparse {
	const tag, relative = 0xA000000C, 1
	name := utf16le(target)
	var b []byte
	for _, field := range []int{0, len(name), len(name), len(name)} { // where the two names are
		b = binary.LittleEndian.AppendUint16(b, uint16(field))
	}
	b = binary.LittleEndian.AppendUint32(b, relative)
	return &format.Reparse{Tag: tag, Data: slices.Concat(b, name, name)}
}

// TestHostileVolume takes everything from an NTFS volume that was made to lead astray:
// names that are paths, devices, streams or commands come out under plain ones; links
// are followed nowhere, inside the volume neither; a second stream is no second file,
// and a short name no second one.
func TestHostileVolume(t *testing.T) {
	t.Parallel()
	folders, rename := hostileFolders(t)
	triage := build(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: 0x9F})
	device := make(memoryDevice, 16<<20)
	err := format.Write(device, format.Options{Seed: 3, Root: []format.Entry{
		{Name: "secret", Data: build(t, dumptest.Spec{Type: dumpfile.TypeTriage, BugCheck: 0x5EC})},
		{Name: "Windows", Dir: []format.Entry{
			{Name: "LiveKernelReports", Dir: folders},
			{Name: "MEMORY.DMP", Reparse: symlink(`..\..\..\..\etc\passwd`)},
			{Name: "Minidump", Dir: []format.Entry{
				{Name: "link.dmp", Reparse: symlink(`..\..\secret`)},
				{Name: "loop.dmp", Reparse: symlink(`loop.dmp`)},
				{Name: "folder.dmp", Dir: []format.Entry{}},
				{Name: "Mini110126-01.dmp", ShortName: "MINI11~1.DMP", Data: triage, Streams: []format.Stream{{Name: "2.dmp", Data: triage}}},
			}},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rename(device)
	volume, err := ntfs.Open(device)
	if err != nil {
		t.Fatal(err)
	}
	dir := memoryDir(t)
	for _, c := range find(t, windows(volume)) {
		_, err := collect.Extract(t.Context(), c, collect.Options{Dir: dir, Journal: true})
		isLink := slices.Contains([]string{"MEMORY.DMP", "link.dmp", "loop.dmp"}, path.Base(c.Path))
		if (err != nil) != isLink || isLink != strings.Contains(c.Story(), "a link to ") {
			t.Errorf("%q: %s, %v", c.Path, c.Story(), err)
		}
	}
	if err := collect.Forget(dir); err != nil {
		t.Fatal(err)
	}
	want := []string{"Mini110126-01-20260304T050607Z-0x9F.dmp"}
	for i, h := range hostileNames {
		want = append(want, fmt.Sprintf("%s-20260304T050607Z-0x%X.dmp", h.copied, i+1))
	}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("copied\n%q\nwant\n%q", got, want)
	}
	if b, err := os.ReadFile(path.Join(dir, want[slices.Index(want, "Mini110126-01-20260304T050607Z-0x9F.dmp")])); err != nil || !bytes.Equal(b, triage) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}
