package live

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"pci:v00008086d00002922sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", true},
		{"pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i02", false},
		{"usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*", "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00", true},
		{"acpi*:PNP0303:*", "acpi:PNP0303:", true},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a[b-d]e", "ace", true},
		{"a[b-d]e", "aee", false},
		{"a[!b-d]e", "aee", true},
		{"a[xyz]", "ay", true},
		{"a[", "a[", true},
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"**", "x", true},
		{"a*b*c", "a-b-b-c", true},
		{"a*b*c", "a-b-b-d", false},
	} {
		if got := glob(c.pattern, c.s); got != c.want {
			t.Errorf("glob(%q, %q) = %v", c.pattern, c.s, got)
		}
	}
}

// TestGlobTime: no pattern takes exponential time.
func TestGlobTime(t *testing.T) {
	t.Parallel()
	began := time.Now()
	if glob(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 5000)) {
		t.Error("matched")
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*[b-d]?", "axxcz")
	f.Add("[!", "[!")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if !strings.ContainsAny(pattern, wildcards) && glob(pattern, s) != (pattern == s) {
			t.Errorf("a literal: glob(%q, %q)", pattern, s)
		}
		if glob(pattern, s) && !strings.HasPrefix(s, literal(pattern)) {
			t.Errorf("glob(%q, %q) but not its beginning", pattern, s)
		}
		if !glob("*", s) || !glob(literal(pattern)+"*", literal(pattern)+s) {
			t.Errorf("a star does not match %q", s)
		}
	})
}

const (
	testDep = `kernel/drivers/usb/storage/uas.ko.xz: kernel/drivers/usb/storage/usb-storage.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/usb/storage/usb-storage.ko.xz: kernel/drivers/scsi/scsi_mod.ko.xz
kernel/drivers/scsi/scsi_mod.ko.xz: kernel/drivers/scsi/scsi_common.ko.xz
kernel/drivers/scsi/scsi_common.ko.xz:
kernel/fs/exfat/exfat.ko.xz:
kernel/lib/crc32c-generic.ko:
kernel/lib/circle-a.ko:
kernel/lib/circle-b.ko:
`
	testAlias = `# Aliases extracted from modules themselves.
alias fs-exfat exfat
alias usb:v*p*d*dc*dsc*dp*ic08isc06ip62in* uas
alias usb:v*p*d*dc*dsc*dp*ic08isc06ip50in* usb_storage
alias usb:v*p*d*dc*dsc*dp*ic08isc06ip62in* usb_storage
alias acpi*:TEST:* uas
alias crypto-crc32c crc32c_generic
alias broken
`
	testSoftdep = `softdep exfat pre: crc32c-generic post: uas
softdep circle_a pre: circle-b
softdep circle_b pre: circle-a post: circle-a
`
)

func testTables() *Tables {
	return ParseTables(testDep, testAlias, testSoftdep, "kernel/fs/ext4/ext4.ko\n")
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tables := testTables()
	for name, want := range map[string][]string{
		"usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip62in00": {"uas", "usb_storage"},
		"usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00": {"usb_storage"},
		"fs-exfat":     {"exfat"},
		"fs_exfat":     {"exfat"},
		"usb-storage":  {"usb_storage"},
		"acpi:TEST:":   {"uas"},
		"acpi":         nil,
		"":             nil,
		"net-pf-10":    nil,
		"ext4":         nil,
		"broken":       nil,
		"crc32c":       nil,
		"usb:v46F4p00": nil,
	} {
		got := tables.Match(name)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if !tables.Builtin("ext4") || tables.Builtin("exfat") {
		t.Error("builtin")
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	tables := testTables()
	for name, want := range map[string][]string{
		"uas":      {"scsi_common", "scsi_mod", "usb_storage", "uas"},
		"exfat":    {"crc32c_generic", "exfat", "scsi_common", "scsi_mod", "usb_storage", "uas"},
		"circle-a": {"circle_b", "circle_a"},
		"nothing":  nil,
	} {
		if got := tables.Order(name); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func FuzzTables(f *testing.F) {
	f.Add(testDep, testAlias, testSoftdep, "fs-exfat")
	f.Fuzz(func(t *testing.T, dep, aliases, softdep, name string) {
		tables := ParseTables(dep, aliases, softdep, dep)
		for _, m := range tables.Match(name) {
			order := tables.Order(m)
			sorted := slices.Clone(order)
			slices.Sort(sorted)
			if len(slices.Compact(sorted)) != len(order) {
				t.Errorf("%s is loaded twice: %q", m, order)
			}
			if _, ok := tables.modules[m]; ok && !slices.Contains(order, m) {
				t.Errorf("%s is not in its own order %q", m, order)
			}
		}
	})
}

func TestParseUevent(t *testing.T) {
	t.Parallel()
	u, ok := ParseUevent([]byte("add@/devices/x/block/sda\x00ACTION=add\x00SUBSYSTEM=block\x00DEVNAME=sda\x00EMPTY=\x00junk\x00"))
	if !ok || u.Action != "add" || u.Path != "/devices/x/block/sda" || u.Env["DEVNAME"] != "sda" || u.Env["SUBSYSTEM"] != "block" || len(u.Env) != 4 {
		t.Errorf("got %+v, %v", u, ok)
	}
	for _, in := range []string{"", "libudev\x00\xfe\xed\xca\xfe", "add", "@/devices", "add@devices", "\x00"} {
		if u, ok := ParseUevent([]byte(in)); ok {
			t.Errorf("%q is a uevent: %+v", in, u)
		}
	}
}

func TestModalias(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"DRIVER=x\nMODALIAS=mmc:block\n": "mmc:block",
		"MODALIAS=pci:v1":                "pci:v1",
		"XMODALIAS=no\n":                 "",
		"":                               "",
	} {
		if got := modalias([]byte(in)); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzParseUevent(f *testing.F) {
	f.Add([]byte("add@/devices/x\x00A=b\x00MODALIAS=c\nMODALIAS=d"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if u, ok := ParseUevent(b); ok && (u.Action == "" || u.Path == "" || u.Path[0] != '/') {
			t.Errorf("%+v", u)
		}
		if strings.ContainsAny(modalias(b), "\n") {
			t.Error("an alias of two lines")
		}
	})
}
