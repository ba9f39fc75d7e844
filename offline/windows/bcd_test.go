package windows_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// show writes a store as text: every object with its elements, then what counts for each Windows.
func show(b *windows.BCD) string {
	var out strings.Builder
	for _, e := range b.Entries {
		fmt.Fprintf(&out, "%s  %s\n", e.Name(), e.Type)
		for _, el := range e.Elements {
			fmt.Fprintf(&out, "  %s %-24s %s\n", el.Type, el.Name, el.Words())
		}
	}
	for _, l := range b.Loaders() {
		fmt.Fprintf(&out, "\nloader %s default=%v menu=%d\n", l.ID, l.Default, l.Menu)
		for _, name := range windows.CrashElements() {
			if el, ok := l.Element(name); ok {
				fmt.Fprintf(&out, "  %-24s %-20s %s %s\n", name, el.Words(), el.Origin, el.From)
			}
		}
	}
	for _, p := range b.Problems {
		fmt.Fprintf(&out, "problem: %s\n", p)
	}
	return out.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// The whole store of a real Windows 10, on a machine with UEFI and two further systems.
func TestOracleBCDSample(t *testing.T) {
	t.Parallel()
	golden(t, "bcd-win10.golden", show(open(t, windowstest.SampleFile(t, "real/BCD.xz"))))
}

func TestMadeBCD(t *testing.T) {
	t.Parallel()
	golden(t, "bcd-made.golden", show(made(t, sample.BCDOptions{})))
}

func open(tb testing.TB, data []byte) *windows.BCD {
	tb.Helper()
	h, err := hive.Open(hive.Source{Primary: windowstest.NewFile(data)})
	if err != nil {
		tb.Fatal(err)
	}
	b, err := windows.OpenBCD(h)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func made(tb testing.TB, o sample.BCDOptions) *windows.BCD {
	tb.Helper()
	return open(tb, storeBytes(tb, o))
}

func storeBytes(tb testing.TB, o sample.BCDOptions) []byte {
	tb.Helper()
	h, err := sample.BCD(o)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := h.Bytes()
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// descriptor is a device element without options: header, then what the type needs.
func descriptor(kind uint32, body ...[]byte) []byte {
	p := bytes.Join(body, nil)
	return append(make([]byte, 16), header(kind, p)...)
}

func header(kind uint32, body []byte) []byte {
	le := binary.LittleEndian
	p := le.AppendUint64(nil, uint64(kind))
	p = le.AppendUint64(p, uint64(16+len(body)))
	return append(p, body...)
}

func numbers(list ...uint32) []byte {
	var p []byte
	for _, n := range list {
		p = binary.LittleEndian.AppendUint32(p, n)
	}
	return p
}

// filePath is a path behind a descriptor of what holds the file.
func filePath(parent []byte, name string) []byte {
	p := append(bytes.Clone(parent), hive.EncodeSZ(name)...)
	return append(numbers(1, uint32(12+len(p)), 5), p...)
}

// Every kind of element, as it is stored and as it is shown.
func TestBCDElements(t *testing.T) {
	t.Parallel()
	boot := header(5, nil)
	gpt := windows.VolumeID{PartitionGUID: "09931f21-7faf-44a9-81d8-1e73c14b9eaf"}
	mbr := windows.VolumeID{MBRSignature: 0xB3EBA8F1, Offset: 368050176}
	withOptions := descriptor(0, numbers(3, 0, 0, 0, 0, 0), filePath(boot, `\sources\boot.wim`))
	copy(withOptions, "\xe0\x34\x55\xae\x24\xa9\x6c\x46\xb8\x36\x75\x85\x39\xa3\xee\x3a")
	raw := func(t hive.Type, p ...byte) hive.Value { return hive.Value{Type: t, Data: p} }
	for name, tt := range map[string]struct {
		number windows.ElementType
		value  any
		name   string
		words  string
		bad    bool
	}{
		"yes":                 {0x26000024, true, "nocrashautoreboot", "Yes", false},
		"no":                  {0x26000090, false, "bootlog", "No", false},
		"two bytes":           {0x26000091, []byte{1, 0}, "sos", "Yes", false},
		"choice":              {0x25000080, 1, "safeboot", "Network", false},
		"choice, unknown":     {0x250000e0, 8, "bootstatuspolicy", "8", false},
		"last choice":         {0x250000e0, 7, "bootstatuspolicy", "DisplayCheckpointFailures", false},
		"number":              {0x25000031, 4096, "removememory", "4096", false},
		"address":             {0x15000007, 1 << 32, "truncatememory", "0x100000000", false},
		"numbers":             {0x17000077, []int{0x15000075, 1}, "allowedinmemorysettings", "0x15000075 0x1", false},
		"no numbers":          {0x1700000a, []int{}, "badmemorylist", "", false},
		"text":                {0x12000030, "DDISABLE ü", "loadoptions", "DDISABLE ü", false},
		"object":              {0x23000003, []string{sample.ResumeID}, "resumeobject", sample.ResumeID, false},
		"objects":             {0x14000008, []string{"{B2721D73-1DB4-4C62-BF78-C548A880142D}", sample.RecoveryID}, "recoverysequence", "{memdiag} " + sample.RecoveryID, false},
		"unknown number":      {0x25000fff, 255, "0x25000fff", "0xff", false},
		"unknown format":      {0x29000001, []byte{1, 2}, "0x29000001", "0102 (a value of 2 bytes is no unknown)", true},
		"template":            {0x46000010, true, "0x46000010", "Yes", false},
		"partition, GPT":      {0x21000001, sample.PartitionDevice(gpt), "osdevice", "partition={09931f21-7faf-44a9-81d8-1e73c14b9eaf} of disk {00000000-0000-0000-0000-000000000000}", false},
		"partition, MBR":      {0x21000001, sample.PartitionDevice(mbr), "osdevice", "partition at 368050176 of disk b3eba8f1", false},
		"boot":                {0x21000001, descriptor(5), "osdevice", "boot", false},
		"locate":              {0x21000001, descriptor(8, numbers(0, 0x22000002)), "osdevice", "locate=custom:0x22000002", false},
		"vmbus":               {0x21000001, descriptor(7, numbers(0x11223344, 0, 0, 0)), "osdevice", "vmbus={11223344-0000-0000-0000-000000000000}", false},
		"ramdisk":             {0x21000001, withOptions, "osdevice", `ramdisk=[boot]\sources\boot.wim,{ramdiskoptions}`, false},
		"file":                {0x21000001, descriptor(0, numbers(5), filePath(boot, `\x.vhd`)), "osdevice", `file=[boot]\x.vhd`, false},
		"file without path":   {0x21000001, descriptor(0, numbers(5, 2, 0, 0)), "osdevice", "file", false},
		"floppy":              {0x21000001, descriptor(0, numbers(1)), "osdevice", "floppy disk", false},
		"disk, odd kind":      {0x21000001, descriptor(0, numbers(99)), "osdevice", "a device of type 99", false},
		"partition of a VHD":  {0x21000001, descriptor(6, numbers(0, 0, 0, 0, 6, 0, 0, 0, 0, 0)), "osdevice", "a device of type 6", false},
		"partition, style":    {0x21000001, descriptor(6, numbers(0, 0, 0, 0, 0, 2, 0, 0, 0, 0)), "osdevice", "a device of type 6", false},
		"unknown device":      {0x21000001, descriptor(77), "osdevice", "a device of type 77", false},
		"file in file in …":   {0x21000001, nested(9), "osdevice", "", true},
		"device, cut":         {0x21000001, make([]byte, 15), "osdevice", "000000000000000000000000000000 (a device that is cut short)", true},
		"device, no header":   {0x21000001, make([]byte, 20), "osdevice", "", true},
		"device, size":        {0x21000001, append(make([]byte, 16), numbers(5, 0, 4000, 0)...), "osdevice", "", true},
		"device, path size":   {0x21000001, descriptor(0, numbers(5, 1, 4000, 5)), "osdevice", "", true},
		"boolean, empty":      {0x26000024, []byte{}, "nocrashautoreboot", " (a value of 0 bytes is no boolean)", true},
		"boolean as number":   {0x26000024, raw(hive.DWORD, 1, 0, 0, 0), "nocrashautoreboot", "01000000 (a boolean in a REG_DWORD)", true},
		"integer, short":      {0x25000080, []byte{1, 0, 0, 0}, "safeboot", "01000000 (a value of 4 bytes is no integer)", true},
		"text as bytes":       {0x12000004, []byte{'x', 0}, "description", "7800 (a string in a REG_BINARY)", true},
		"object, no ID":       {0x23000003, raw(hive.SZ, 'x', 0, 0, 0), "resumeobject", `78000000 ("x" is no ID of an object)`, true},
		"objects, one string": {0x14000008, raw(hive.SZ, 0, 0), "recoverysequence", "0000 (an object list in a REG_SZ)", true},
		"too long":            {0x12000004, strings.Repeat("x", 40_000), "description", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := made(t, sample.BCDOptions{Elements: sample.BCDElements{tt.number: tt.value}})
			e, ok := b.Entry(sample.LoaderID)
			if !ok {
				t.Fatal("no entry")
			}
			for _, by := range []string{tt.name, tt.number.String()} {
				el, ok := e.Element(by)
				if !ok || el.Origin != windows.Set || el.From != sample.LoaderID || el.Name != tt.name || (el.Err != nil) != tt.bad {
					t.Fatalf("%s: %+v, %v", by, el, ok)
				}
				if got := el.Words(); got != tt.words && tt.words != "" {
					t.Errorf("%s: %q, want %q", by, got, tt.words)
				}
			}
			if len(b.Problems) > 0 {
				t.Errorf("problems: %q", b.Problems)
			}
		})
	}
}

// nested is a file in a file, and so on.
func nested(depth int) []byte {
	inner := header(5, nil)
	for range depth {
		inner = header(0, append(numbers(5), filePath(inner, `\x`)...))
	}
	return append(make([]byte, 16), inner...)
}

// What is not set in the entry comes from what it inherits, from that in turn, or is the documented
// default; nothing else is invented.
func TestBCDInheritance(t *testing.T) {
	t.Parallel()
	b := made(t, sample.BCDOptions{Elements: sample.BCDElements{0x25000020: nil, 0x26000090: true}})
	e, _ := b.Entry("{default}")
	for name, want := range map[string]struct {
		origin windows.Origin
		from   string
		words  string
	}{
		"bootlog":   {windows.Set, sample.LoaderID, "Yes"},
		"debugtype": {windows.Inherited, "{dbgsettings}", "Local"},
		"bootems":   {windows.Inherited, "{emssettings}", "No"},
		"nx":        {windows.Default, "", "AlwaysOff"},
		"pae":       {windows.Default, "", "Default"},
		"safeboot":  {},
		"timeout":   {}, // of the boot manager only
		"nonsense":  {},
	} {
		el, ok := e.Element(name)
		if ok != (want.origin != "") {
			t.Errorf("%s: found %v", name, ok)
			continue
		}
		if !ok {
			continue
		}
		from := el.From
		if o, ok := b.Entry(from); ok {
			from = o.Name()
		}
		if el.Origin != want.origin || from != want.from || el.Words() != want.words {
			t.Errorf("%s: %q from %q (%s), want %+v", name, el.Words(), from, el.Origin, want)
		}
	}
}

// objectID is a made-up ID.
func objectID(n int) string { return fmt.Sprintf("{00000000-0000-0000-0000-%012x}", n) }

// setElement sets an element of a made-up object.
func setElement(t *testing.T, h *hive.Hive, object, element int, data []byte) {
	t.Helper()
	key := fmt.Sprintf(`Objects\%s\Elements\%08x`, objectID(object), element)
	if err := h.SetValue(key, hive.Value{Name: "Element", Type: hive.Binary, Data: data}); err != nil {
		t.Fatal(err)
	}
}

// checkBounds checks what is taken from a store that holds too much.
func checkBounds(t *testing.T, b *windows.BCD, problem string) {
	t.Helper()
	elements, data := 0, 0
	for _, e := range b.Entries {
		elements += len(e.Elements)
		for _, el := range e.Elements {
			data += len(el.Raw.Data)
		}
	}
	if elements == 0 || elements > 64<<10 || data > 16<<20+64<<10 {
		t.Errorf("%d elements of %d bytes", elements, data)
	}
	if len(b.Problems) != 1 || !strings.Contains(b.Problems[0], problem) {
		t.Errorf("problems %q, want %s", b.Problems, problem)
	}
}

// Objects of a damaged store that all have the same list of elements.
func TestBCDSharedElements(t *testing.T) {
	t.Parallel()
	const objects, each = 70, 1000
	h := hive.New(hive.NewOptions{})
	for i := range each {
		setElement(t, h, 0, 0x16000000+i, []byte{1})
	}
	for i := range objects {
		setElement(t, h, i, 0x16000000, []byte{1})
	}
	p, err := h.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const cellHeader, subkeyCount, subkeyList = 4, 20, 28
	nodeOf := func(object int) []byte {
		k, err := h.Key(`Objects\` + objectID(object) + `\Elements`)
		if err != nil {
			t.Fatal(err)
		}
		return p[k.Offset()+cellHeader:]
	}
	for i := range objects {
		for _, field := range []int{subkeyCount, subkeyList} {
			copy(nodeOf(i)[field:][:4], nodeOf(0)[field:])
		}
	}
	checkBounds(t, open(t, p), "more than 65536 elements")
}

func TestBCDTooMuchData(t *testing.T) {
	t.Parallel()
	h := hive.New(hive.NewOptions{})
	h.AllowGrowth(64 << 20)
	for i := range 300 {
		setElement(t, h, i%2, 0x16000000+i, make([]byte, 60<<10))
	}
	b, err := windows.OpenBCD(h)
	if err != nil {
		t.Fatal(err)
	}
	checkBounds(t, b, "16777216 bytes")
}

// Of data that no element has only the beginning is kept.
func TestBCDLongElement(t *testing.T) {
	t.Parallel()
	h := hive.New(hive.NewOptions{})
	setElement(t, h, 0, 0x16000000, make([]byte, 64<<10+1))
	b, err := windows.OpenBCD(h)
	if err != nil {
		t.Fatal(err)
	}
	el := b.Entries[0].Elements[0]
	if len(el.Raw.Data) != 64 || el.Err == nil || el.Words() != strings.Repeat("00", 64)+" (65537 bytes: more than any boolean has)" {
		t.Errorf("%d bytes: %s", len(el.Raw.Data), el.Words())
	}
}

// Objects that inherit from each other in a circle, from themselves, or from nothing.
func TestBCDInheritanceCircle(t *testing.T) {
	t.Parallel()
	h, err := sample.BCD(sample.BCDOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list := hive.EncodeMultiSZ([]string{"{00000000-0000-0000-0000-000000000001}", sample.LoaderID, "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}", "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"})
	for _, id := range []string{"{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}", "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}", sample.LoaderID} {
		if err := h.SetValue(`Objects\`+id+`\Elements\14000006`, hive.Value{Name: "Element", Type: hive.MultiSZ, Data: list}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := windows.OpenBCD(h)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := b.Entry(sample.LoaderID)
	if el, ok := e.Element("debugtype"); ok {
		t.Errorf("found %+v", el)
	}
	if el, ok := e.Element("recoveryenabled"); !ok || !el.Bool {
		t.Errorf("recoveryenabled: %+v, %v", el, ok)
	}
}

// A name belongs to the application of its object: 0x25000008 is one thing for resuming, another
// for testing memory.
func TestBCDNamesByApplication(t *testing.T) {
	t.Parallel()
	h, err := sample.BCD(sample.BCDOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const tester = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
	for _, id := range []string{sample.ResumeID, tester, sample.LoaderID} {
		key := `Objects\` + id + `\Elements\25000008`
		if err := h.SetValue(key, hive.Value{Name: "Element", Type: hive.Binary, Data: make([]byte, 8)}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := windows.OpenBCD(h)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{sample.ResumeID: "bootmenupolicy Legacy", tester: "randfailcount 0", sample.LoaderID: "0x25000008 0x0"} {
		e, _ := b.Entry(id)
		if el, ok := e.Element("0x25000008"); !ok || el.Name+" "+el.Words() != want {
			t.Errorf("%s: %s %s, want %s", id, el.Name, el.Words(), want)
		}
	}
}

func TestBCDDefault(t *testing.T) {
	t.Parallel()
	const manager = `Objects\{9dea862c-5cdd-4e70-acc1-f32b344d4795}`
	for name, tt := range map[string]struct {
		edit func(h *hive.Hive) error
		want string
	}{
		"as set":          {func(*hive.Hive) error { return nil }, sample.LoaderID},
		"no default":      {func(h *hive.Hive) error { return h.DeleteKey(manager + `\Elements\23000003`) }, sample.LoaderID},
		"a default gone":  {func(h *hive.Hive) error { return h.DeleteKey(`Objects\` + sample.LoaderID) }, ""},
		"no boot manager": {func(h *hive.Hive) error { return h.DeleteKey(manager) }, ""},
		"neither nor": {func(h *hive.Hive) error {
			return errors.Join(h.DeleteKey(manager+`\Elements\23000003`), h.DeleteKey(manager+`\Elements\24000001`))
		}, ""},
	} {
		h, err := sample.BCD(sample.BCDOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := tt.edit(h); err != nil {
			t.Fatal(err)
		}
		b, err := windows.OpenBCD(h)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if e, ok := b.Default(); ok {
			got = e.ID
		}
		if got != tt.want {
			t.Errorf("%s: default %q, want %q", name, got, tt.want)
		}
		if n := len(b.Loaders()); n != 2 && name != "a default gone" {
			t.Errorf("%s: %d loaders", name, n)
		}
	}
}

// An installation finds its entry by its partition and its folder.
func TestBCDLoaderOf(t *testing.T) {
	t.Parallel()
	here := windows.VolumeID{PartitionGUID: "{09931F21-7FAF-44A9-81D8-1E73C14B9EAF}"}
	mbr := windows.VolumeID{MBRSignature: 0x1234ABCD, Offset: 1 << 20}
	locate := sample.BCDElements{0x21000001: descriptor(8, numbers(0, 0x22000002))}
	for name, tt := range map[string]struct {
		o    sample.BCDOptions
		id   windows.VolumeID
		root string
		want string
	}{
		"GPT":             {sample.BCDOptions{Volume: here}, here, "Windows", sample.LoaderID},
		"MBR":             {sample.BCDOptions{Volume: mbr}, mbr, "WINDOWS", sample.LoaderID},
		"other folder":    {sample.BCDOptions{Volume: here}, here, "WINNT", ""},
		"other partition": {sample.BCDOptions{Volume: here}, mbr, "Windows", ""},
		"unknown":         {sample.BCDOptions{Volume: here}, windows.VolumeID{}, "Windows", ""},
		"looked for":      {sample.BCDOptions{Elements: locate}, mbr, "Windows", sample.LoaderID},
	} {
		got, ok := made(t, tt.o).LoaderOf(tt.id, tt.root)
		if ok != (tt.want != "") || ok && (got.ID != tt.want || !got.Default) {
			t.Errorf("%s: %+v, %v; want %q", name, got.Entry, ok, tt.want)
		}
	}
}

func TestNotBCD(t *testing.T) {
	t.Parallel()
	h, err := sample.System(sample.Client())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := windows.OpenBCD(h); !errors.Is(err, windows.ErrNotBCD) {
		t.Errorf("%v, want %v", err, windows.ErrNotBCD)
	}
}

// The store is found where BIOS and EFI machines keep it, in any case, and completed from its logs.
func TestFindBCD(t *testing.T) {
	t.Parallel()
	store := storeBytes(t, sample.BCDOptions{})
	v := windowstest.Volume{MapFS: fstest.MapFS{
		"BOOT/bcd": {Data: store}, "efi/Microsoft/BOOT/BCD": {Data: store}, "Windows/Boot/BCD": {Data: store},
	}}
	found := windows.FindBCD(v)
	if diff := cmp.Diff([]string{"efi/Microsoft/BOOT/BCD", "BOOT/bcd"}, found); diff != "" {
		t.Errorf("stores (-want +got):\n%s", diff)
	}
	for _, name := range found {
		b, _, err := windows.ReadBCD(v, name)
		if err != nil || len(b.Entries) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.MapFS["BOOT/bcd"] = &fstest.MapFile{Data: []byte("not a hive")}
	if _, _, err := windows.ReadBCD(v, "BOOT/bcd"); !errors.Is(err, hive.ErrFormat) {
		t.Errorf("damaged: %v", err)
	}
	if list := windows.FindBCD(windowstest.Volume{MapFS: fstest.MapFS{}}); list != nil {
		t.Errorf("found %q on an empty volume", list)
	}
}

func FuzzBCD(f *testing.F) {
	f.Add(storeBytes(f, sample.BCDOptions{}))
	f.Add(storeBytes(f, sample.BCDOptions{EFI: true, Elements: sample.BCDElements{0x21000001: nested(2), 0x17000077: []int{1, 2}}}))
	f.Fuzz(func(t *testing.T, p []byte) {
		h, err := hive.Open(hive.Source{Primary: windowstest.NewFile(p)})
		if err != nil {
			return
		}
		b, err := windows.OpenBCD(h)
		if err != nil {
			return
		}
		if text := show(b); len(text) > 1<<24+1000*len(p) {
			t.Errorf("%d bytes of text for a hive of %d", len(text), len(p))
		}
		b.LoaderOf(windows.VolumeID{MBRSignature: 1}, "Windows")
	})
}
