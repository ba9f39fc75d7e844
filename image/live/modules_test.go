package live

import (
	"debug/elf"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseModinfo(t *testing.T) {
	t.Parallel()
	all := cmp.AllowUnexported(modinfo{})
	for name, c := range map[string]struct {
		text string
		want modinfo
	}{
		"nothing":                            {"", modinfo{}},
		"no dependencies":                    {"depends=\x00license=GPL\x00", modinfo{}},
		"dashes":                             {"depends=scsi-mod,libata,\x00", modinfo{depends: []string{"scsi_mod", "libata"}}},
		"aliases":                            {"alias=pci:v*\x00alias=fs-ntfs3\x00", modinfo{aliases: []string{"pci:v*", "fs-ntfs3"}}},
		"an alias that would make two lines": {"alias=a b\x00alias=c\nalias d e\x00", modinfo{}},
		"soft":                               {"softdep=pre: a-b c post: d\x00", modinfo{pre: []string{"a_b", "c"}, post: []string{"d"}}},
		"soft without a mark":                {"softdep=a b\x00", modinfo{}},
		"not ended":                          {"depends=a", modinfo{depends: []string{"a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(&c.want, parseModinfo([]byte(c.text)), all); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzModule(f *testing.F) {
	f.Add(object(elf.EM_X86_64, "depends=a\x00alias=b\x00softdep=pre: c\x00"))
	f.Add([]byte("\x7fELF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := newModules("r")
		m.add("kernel/a.ko", data)
		some, err := m.choose(func(string) bool { return true })
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("%v", err)
			}
			return
		}
		some.lists()
	})
}

// TestLists chooses from the made-up kernel: what is wanted, what that needs, and nothing else.
func TestLists(t *testing.T) {
	t.Parallel()
	o := madeOptions(t)
	p, err := unpackParts(t.Context(), archs["amd64"], o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"modules.dep": `kernel/drivers/nvme/common/auth.ko.xz:
kernel/drivers/nvme/host/nvme-core.ko.xz: kernel/drivers/nvme/common/auth.ko.xz
kernel/drivers/nvme/host/nvme.ko.xz: kernel/drivers/nvme/host/nvme-core.ko.xz kernel/drivers/nvme/common/auth.ko.xz
kernel/drivers/other/late-one.ko.xz:
kernel/lib/crc.ko.xz:
`,
		"modules.alias": `# Aliases extracted from modules themselves.
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias crypto-crc crc
`,
		"modules.softdep": `# Soft dependencies extracted from modules themselves.
softdep auth pre: crc post: late_one absent
`,
		"modules.builtin": "kernel/fs/built.ko\n",
	}
	got := map[string]string{}
	for name, text := range p.modules.lists() {
		got[name] = string(text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOrderOfRing holds that modules that need each other in a ring end the walk.
func TestOrderOfRing(t *testing.T) {
	t.Parallel()
	m := newModules("r")
	for _, pair := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "a"}} {
		m.add("kernel/"+pair[0]+".ko", object(elf.EM_X86_64, "depends="+pair[1]+"\x00"))
	}
	some, err := m.choose(func(file string) bool { return file == "a.ko" })
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(some.byName)); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("chose %q", got)
	}
	if n := len(some.order(some.byName["a"])); n != 2 {
		t.Errorf("order has %d modules", n)
	}
}

func TestOwnKernel(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "7.0-own")
	writeFile(t, filepath.Join(dir, "kernel/drivers/ata/ahci.ko"), object(elf.EM_X86_64, "depends=libahci\x00"))
	writeFile(t, filepath.Join(dir, "kernel/drivers/ata/libahci.ko"), object(elf.EM_X86_64, ""))
	writeFile(t, filepath.Join(dir, "kernel/sound/loud.ko"), object(elf.EM_X86_64, ""))
	writeFile(t, filepath.Join(dir, "modules.builtin"), []byte("kernel/a.ko\n"))
	writeFile(t, filepath.Join(dir, "bzImage"), []byte("own kernel"))
	o := madeOptions(t)
	o.Kernel, o.Modules = filepath.Join(dir, "bzImage"), dir
	m, err := Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Kernel != "7.0-own" || m.Modules != 2 {
		t.Errorf("kernel %s with %d modules", m.Kernel, m.Modules)
	}
	for _, p := range m.Provenance {
		if p.Name == "linux-image-"+madeRelease {
			t.Error("the packaged kernel is named as a part")
		}
	}
}
