package dumpfile_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// render prints a description plainly; what a user sees is the program's own.
func render(d *dumpfile.Description) string {
	var b strings.Builder
	for _, s := range d.Story {
		fmt.Fprintln(&b, s)
	}
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		for _, l := range s.Lines {
			fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-22s%-20s%s", l.Label, l.Value, l.Words), " "))
		}
	}
	return b.String()
}

func TestDescribeGolden(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][]byte{
		"kernel-x64": build(t, dumptest.Spec{Blobs: []int{16}}),
		"full-x86-cut": build(t, dumptest.Spec{
			Bits: 32, Type: dumpfile.TypeFull, BugCheck: 0x133, Parameters: [4]uint64{1, 2, 3, 4},
		})[:0x100000],
		"triage-fill": edit(build(t, dumptest.Spec{Type: dumpfile.TypeTriage, Space: dumptest.SpaceFill}), func(b []byte) {
			copy(b[0x1050:0x1058], "PAGEPAGE") // as small dumps of Windows 10 leave them
		}),
		"full-arm64":     build(t, dumptest.Spec{Machine: dumpfile.MachineARM64, Type: dumpfile.TypeFull, Pages: 64}),
		"debugger":       build(t, dumptest.Spec{Type: dumpfile.TypeDebugFull, Pages: 64, Lost: []uint64{dumptest.FrameProcesses + 1}}),
		"boot-hang":      build(t, dumptest.Spec{BugCheck: 0x1D5, Parameters: [4]uint64{le.Uint64([]byte("storahci")), 2, 3, 300000}}),
		"encrypted-live": build(t, dumptest.Spec{Attributes: uint32(dumpfile.AttrEncrypted | dumpfile.AttrLiveDump), BugCheck: 0x161}),
	} {
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, file := render(d), filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from %s:\n%s", name, file, got)
		}
	}
}

func TestDescribeOtherFiles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{"MDMP....": dumpfile.ErrUserDump, "hello, world": dumpfile.ErrNotDump} {
		if _, err := dumpfile.Describe(strings.NewReader(text), int64(len(text))); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
