package image_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/image"
)

// withFormat makes a header say what the image below it is.
func withFormat(header []byte, format string) []byte {
	const extensions = 72 // of version 2, behind its header
	copy(header[extensions:], "\xe2\x79\x2a\xca\x00\x00\x00"+string(rune(len(format)))+format)
	return header
}

// TestClaims: an image that names another file is opened where somebody says
// what both are and where they may lie, and never by its content alone.
func TestClaims(t *testing.T) {
	t.Parallel()
	far, folder := t.TempDir(), t.TempDir()
	raw := make([]byte, 4096)
	elsewhere := writeFile(t, far, "far.raw", raw)
	writeFile(t, folder, "base.raw", raw)
	writeFile(t, folder, "base.qcow2", overlayOn(""))
	if err := os.Symlink(elsewhere, filepath.Join(folder, "link.raw")); err != nil {
		t.Fatal(err)
	}
	claims := func(c ...image.Claim) image.Options { return image.Options{Claims: c} }
	said := func(below, format string) []byte { return withFormat(overlayOn(below), format) }
	for name, c := range map[string]struct {
		file    string
		content []byte
		o       image.Options
		want    error
		hint    string // of the refusal
		below   string
	}{
		"raw disk of a hostile guest":      {"guest.raw", said("base.raw", "raw"), image.Options{}, image.ErrRefused, "--format qcow2, or --format raw", ""},
		"no name that says anything":       {"guest", said("base.raw", "raw"), image.Options{}, image.ErrRefused, "--format qcow2, or --format raw", ""},
		"it is raw":                        {"guest.raw", said("base.raw", "raw"), claims("raw"), nil, "", ""},
		"it is qcow2":                      {"win.snap1", said("base.raw", "raw"), claims("qcow2"), nil, "", "base.raw"},
		"by its name":                      {"win.qcow2", said("base.raw", "raw"), image.Options{}, nil, "", "base.raw"},
		"elsewhere":                        {"win.qcow2", said(elsewhere, "raw"), image.Options{}, image.ErrRefused, "--base-dir " + far, ""},
		"elsewhere, and qcow2":             {"win.qcow2", said(elsewhere, "raw"), claims("qcow2"), image.ErrRefused, "--base-dir " + far, ""},
		"elsewhere by a link":              {"win.qcow2", said("link.raw", "raw"), image.Options{}, image.ErrRefused, "--base-dir " + far, ""},
		"elsewhere, allowed":               {"win.qcow2", said(elsewhere, "raw"), image.Options{Folders: []string{far}}, nil, "", "far.raw"},
		"elsewhere, above allowed":         {"win.qcow2", said(elsewhere, "raw"), image.Options{Folders: []string{filepath.Dir(far)}}, nil, "", "far.raw"},
		"own folder by a long way":         {"win.qcow2", said("../"+filepath.Base(folder)+"/base.raw", "raw"), image.Options{}, nil, "", "base.raw"},
		"unsaid, raw":                      {"win.qcow2", overlayOn("base.raw"), image.Options{}, nil, "", "base.raw"},
		"unsaid, looks qcow2":              {"win.qcow2", overlayOn("base.qcow2"), image.Options{}, image.ErrRefused, "--format qcow2,qcow2, or --format qcow2,raw", ""},
		"unsaid, the user says qcow2":      {"win.qcow2", overlayOn("base.qcow2"), claims("", "qcow2"), nil, "", "base.qcow2"},
		"unsaid, the user says raw":        {"win.qcow2", overlayOn("base.qcow2"), claims("qcow2", "raw"), nil, "", "base.qcow2"},
		"said qcow2 and raw":               {"win.qcow2", said("base.raw", "qcow2"), image.Options{}, image.ErrFormat, "", ""},
		"said raw, looks qcow2":            {"win.qcow2", said("base.qcow2", "raw"), image.Options{}, nil, "", "base.qcow2"},
		"said something unknown":           {"win.qcow2", said("base.raw", "luks"), image.Options{}, image.ErrUnsupported, "", ""},
		"the user says vhdx, and is wrong": {"win.qcow2", overlayOn(""), claims("vhdx"), image.ErrFormat, "", ""},
		"the user says raw, and may":       {"win.qcow2", overlayOn("gone"), claims("raw"), nil, "", ""},
		"parts of a text":                  {"guest.raw", []byte("# Disk DescriptorFile\nRW 8 FLAT \"base.raw\" 0\n"), image.Options{}, image.ErrRefused, "--format vmdk, or --format raw", ""},
		"parts elsewhere":                  {"win.vmdk", []byte("# Disk DescriptorFile\nRW 8 FLAT \"" + elsewhere + "\" 0\n"), image.Options{}, image.ErrRefused, "--base-dir " + far, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, folder, c.file, c.content)
			f, err := image.OpenWith(path, c.o)
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if e, ok := errors.AsType[*image.ConsentError](err); ok != (c.hint != "") || ok && !strings.Contains(e.Hint(), c.hint) {
				t.Errorf("%v: hint %+v, want %q", err, e, c.hint)
			}
			if err != nil {
				return
			}
			defer f.Close()
			if below := f.Below(); len(below) > 1 || c.below != "" && (len(below) == 0 || filepath.Base(below[0]) != c.below) || c.below == "" && len(below) > 0 {
				t.Errorf("below it %q, want %q", below, c.below)
			}
		})
	}
}

// TestFixedVHDOfHostile: the machine on a fixed VHD cannot make it another image.
func TestFixedVHDOfHostile(t *testing.T) {
	t.Parallel()
	b := fixedVHD(1 << 20)
	copy(b, "conectix")
	path := writeFile(t, t.TempDir(), "win.vhd", b)
	for name, o := range map[string]image.Options{"by itself": {}, "as the user says": {Claims: []image.Claim{"vhd"}}} {
		if f := openWith(t, path, o); f.Format() != image.FixedVHD {
			t.Errorf("%s: %v", name, f.Format())
		}
	}
	copy(b, "QFI\xfb")
	if f := openWith(t, writeFile(t, t.TempDir(), "win.vhd", b), image.Options{Claims: []image.Claim{"vhd"}}); f.Format() != image.FixedVHD {
		t.Errorf("as qcow2: %v", f.Format())
	}
}

func TestParseClaim(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]image.Claim{"auto": image.ClaimNone, "raw": image.ClaimRaw, "qcow2": "qcow2", "ewf": "ewf"} {
		if c, err := image.ParseClaim(name); err != nil || c != want {
			t.Errorf("%s: %q, %v", name, c, err)
		}
	}
	for _, name := range []string{"", "vpc", "RAW", "qcow"} {
		if c, err := image.ParseClaim(name); err == nil {
			t.Errorf("%q: %q", name, c)
		}
	}
}
