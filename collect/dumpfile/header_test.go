package dumpfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

func TestParseHeaderReadsEveryField(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 12, 31, 23, 59, 58, 123456700, time.UTC)
	for _, bits := range []int{64, 32} {
		h := parse(t, build(t, dumptest.Spec{
			Bits: bits, Type: dumpfile.TypeFull, BugCheck: 0x9F, Parameters: [4]uint64{3, 4, 5, 6},
			Time: at, UpTime: 90 * time.Second, BootID: 77, Attributes: uint32(dumpfile.AttrInsufficientFile),
		}))
		check := func(what string, got, want any) {
			t.Helper()
			if got != want {
				t.Errorf("%d bits: %s is %v, want %v", bits, what, got, want)
			}
		}
		check("bits", h.Bits, bits)
		check("type", h.Type, dumpfile.TypeFull)
		check("build", h.MinorVersion.Value, uint32(19045))
		check("bugcheck", h.BugCheck.Code.Value, uint32(0x9F))
		for i, p := range h.BugCheck.Parameters {
			check("parameter", p.Value, uint64(3+i))
		}
		check("time", h.SystemTime.Value, at)
		check("boot time", h.BootTime().Value, at.Add(-90*time.Second))
		check("boot id", h.BootID.Value, uint32(77))
		check("attributes", h.Attributes.Value, dumpfile.AttrInsufficientFile)
		check("directory table page", h.DirectoryTablePFN(), uint64(dumptest.SystemFirst))
		check("pages", h.Memory.NumberOfPages.Value, uint64(1024))
		check("runs plausible", h.Memory.Plausible, true)
		check("exception", h.Exception.Code.Value, uint32(0x80000003))
		check("exception address known", h.Exception.Address.Known, true)
		check("product", h.ProductType.Value, uint32(1))
		check("suite", h.SuiteMask.Value, uint32(0x110))
		check("writer status known", h.WriterStatus.Known, true)
		check("PAE", h.PAE.Value, bits == 32)
		check("paging levels known", h.PagingLevels.Known, bits == 64)
		for name, f := range map[string]dumpfile.Field[uint64]{
			"modules": h.LoadedModules, "processes": h.ActiveProcesses, "kdbg": h.DebuggerData,
			"pfn": h.PfnDatabase, "space": h.RequiredSpace,
		} {
			check(name+" known", f.Known && f.Value != 0, true)
		}
	}
}

// TestFillIsNotBelieved unwrites each field and expects it to be unknown.
func TestFillIsNotBelieved(t *testing.T) {
	t.Parallel()
	h := parse(t, edit(build(t, dumptest.Spec{}), func(b []byte) {
		for i := 8; i < 0x2000; i++ {
			b[i] = "PAGE"[i%4]
		}
	}))
	unknown := map[string]bool{
		"MajorVersion": h.MajorVersion.Known, "MinorVersion": h.MinorVersion.Known,
		"Machine": h.Machine.Known, "Processors": h.Processors.Known,
		"BugCheckCode": h.BugCheck.Code.Known, "Parameter4": h.BugCheck.Parameters[3].Known,
		"SystemTime": h.SystemTime.Known, "SystemUpTime": h.SystemUpTime.Known,
		"BootTime": h.BootTime().Known, "BootID": h.BootID.Known,
		"Attributes": h.Attributes.Known, "WriterStatus": h.WriterStatus.Known,
		"RequiredDumpSpace": h.RequiredSpace.Known, "DirectoryTable": h.DirectoryTable.Known,
		"KDSecondary": h.KDSecondary.Known, "PagingLevels": h.PagingLevels.Known,
		"PAE": h.PAE.Known, "runs": h.Memory.NumberOfRuns.Known, "pages": h.Memory.NumberOfPages.Known,
		"encrypted": h.Encrypted(), "plausible": h.Memory.Plausible,
	}
	for name, known := range unknown {
		if known {
			t.Errorf("%s is believed to be written", name)
		}
	}
	if h.Comment != "" || h.Type != dumpfile.TypeUnknown || len(h.Memory.Runs) != 0 {
		t.Errorf("comment %q, type %d, runs %v", h.Comment, h.Type, h.Memory.Runs)
	}
}

func TestCommentAndPAE(t *testing.T) {
	t.Parallel()
	for bits, off := range map[int]int{64: 0xFB0, 32: 0x820} {
		b := build(t, dumptest.Spec{Bits: bits, Type: dumpfile.TypeFull})
		for text, want := range map[string]string{"taken by hand\x00\xff": "taken by hand", "\x01\x02": "", "PAGEPAGE": "", "\x00": ""} {
			h := parse(t, edit(b, func(b []byte) { copy(b[off:], text); b[0x5C] = 0 }))
			if h.Comment != want {
				t.Errorf("%d bits: comment %q, want %q", bits, h.Comment, want)
			}
			if h.PAE.Known != (bits == 32) || h.PAE.Value {
				t.Errorf("%d bits: PAE %+v", bits, h.PAE)
			}
		}
	}
}

func TestImplausibleTimes(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]uint64{"zero": 0, "1960": 113000000000000000, "all ones": ^uint64(0)} {
		h := parse(t, edit(build(t, dumptest.Spec{}), func(b []byte) {
			le.PutUint64(b[0xFA8:], v)
			le.PutUint64(b[0x1030:], ^uint64(0))
		}))
		if h.SystemTime.Known || h.SystemUpTime.Known {
			t.Errorf("%s: time %v, up time %v believed", name, h.SystemTime.Value, h.SystemUpTime.Value)
		}
	}
}

func TestIdentify(t *testing.T) {
	t.Parallel()
	dump64, dump32 := build(t, dumptest.Spec{}), build(t, dumptest.Spec{Bits: 32, Type: dumpfile.TypeBitmapFull})
	triage := dumptest.Spec{Type: dumpfile.TypeTriage, WipeFirst: true}
	wipe := func(b []byte) []byte { return edit(b, func(b []byte) { clear(b[:4096]) }) }
	for _, c := range []struct {
		name string
		b    []byte
		want dumpfile.Kind
		err  error
	}{
		{"64-bit", dump64, dumpfile.KindKernel64, nil},
		{"32-bit", dump32, dumpfile.KindKernel32, nil},
		{"user", []byte("MDMP\x93\xa7\xf1\xa0"), dumpfile.KindUser, dumpfile.ErrUserDump},
		{"firmware", []byte("Raw_Dmp!........"), dumpfile.KindFirmware, dumpfile.ErrFirmwareDump},
		{"encrypted firmware", []byte("Enc_Dmp!........"), dumpfile.KindFirmwareEncrypted, dumpfile.ErrFirmwareDump},
		{"empty file", nil, dumpfile.KindOther, dumpfile.ErrNotDump},
		{"seven bytes", dump64[:7], dumpfile.KindOther, dumpfile.ErrNotDump},
		{"text", []byte("this is no dump at all"), dumpfile.KindOther, dumpfile.ErrNotDump},
		{"PAGE and no more", []byte("PAGEPAGEPAGEPAGE"), dumpfile.KindOther, dumpfile.ErrNotDump},
		{"zeros", make([]byte, 1<<16), dumpfile.KindEmpty, dumpfile.ErrNotDump},
		{"zeros, then data", append(make([]byte, 0x2000), "data"...), dumpfile.KindOther, dumpfile.ErrNotDump},
		{"wiped 64-bit", wipe(dump64), dumpfile.KindWiped64, dumpfile.ErrHeaderWiped},
		{"wiped 32-bit", wipe(dump32), dumpfile.KindWiped32, dumpfile.ErrHeaderWiped},
		{"wiped triage", build(t, triage), dumpfile.KindWiped64, dumpfile.ErrHeaderWiped},
		{"wiped, a reserved field in use", edit(build(t, triage), func(b []byte) { le.PutUint64(b[0x1100:], 5) }), dumpfile.KindWiped64, dumpfile.ErrHeaderWiped},
		{"zeros, then half a fill", edit(build(t, triage), func(b []byte) { clear(b[0x1800:0x2008]) }), dumpfile.KindOther, dumpfile.ErrNotDump},
		{"header cut", dump64[:0x1FFF], dumpfile.KindKernel64, dumpfile.ErrTruncated},
	} {
		kind, err := dumpfile.Identify(bytes.NewReader(c.b), int64(len(c.b)))
		if kind != c.want || err != nil {
			t.Errorf("%s: %v, %v, want %v", c.name, kind, err, c.want)
		}
		if _, err := dumpfile.ParseHeader(bytes.NewReader(c.b), int64(len(c.b))); !errors.Is(err, c.err) {
			t.Errorf("%s: ParseHeader: %v, want %v", c.name, err, c.err)
		}
	}
}

func TestHeaderReadFails(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{})
	for n := range 2 {
		_, err := dumpfile.ParseHeader(&failing{bytes.NewReader(b), n}, int64(len(b)))
		if !errors.Is(err, errBadSector) {
			t.Errorf("read %d fails: %v", n, err)
		}
	}
}

func TestAttributesInWords(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]dumpfile.Attributes{
		"none":                     0,
		"InsufficientDumpfileSize": dumpfile.AttrInsufficientFile,
		"LiveDumpGeneratedDump|EncryptedDumpData": dumpfile.AttrLiveDump | dumpfile.AttrEncrypted,
		"HiberCrash|0x800":                        dumpfile.AttrHiberCrash | 0x800,
	} {
		if got := a.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint32(a), got, want)
		}
	}
}

func TestBugCheckNames(t *testing.T) {
	t.Parallel()
	for code, want := range map[uint32]string{
		0xE2:       "MANUALLY_INITIATED_CRASH",
		0x1C8:      "MANUALLY_INITIATED_POWER_BUTTON_HOLD",
		0x1000007E: "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M",
		0xDEADDEAD: "MANUALLY_INITIATED_CRASH1",
		0xABCDEF:   "bugcheck 0xABCDEF",
	} {
		if got := dumpfile.BugCheckName(code); got != want {
			t.Errorf("%#x is %q, want %q", code, got, want)
		}
	}
}

// TestFillIsNoData fills everything behind the magic: no field may be taken
// for data, neither by the parser nor in what a user reads.
func TestFillIsNoData(t *testing.T) {
	t.Parallel()
	for bits, size := range map[int]int{64: 0x2000, 32: 0x1000} {
		b := edit(build(t, dumptest.Spec{Bits: bits, Pages: 64, Type: dumpfile.TypeFull}), func(b []byte) {
			for i := 8; i < size; i++ {
				b[i] = "PAGE"[i%4]
			}
		})
		h := parse(t, b)
		known := 0
		eachKnown(reflect.ValueOf(h).Elem(), "", func(name string) {
			known++
			t.Errorf("%d bits: %s was taken for data", bits, name)
		})
		if h.Type != dumpfile.TypeUnknown || h.Comment != "" || h.VersionUser != "" || h.Context != nil || h.Encrypted() || len(h.Memory.Runs) > 0 {
			t.Errorf("%d bits: %+v", bits, h)
		}
		d, err := dumpfile.Describe(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if text := render(d); strings.Contains(text, "45474150") || strings.Contains(text, "GAP") || strings.Contains(text, "PAGE") {
			t.Errorf("%d bits: %s", bits, text)
		}
	}
}

// eachKnown calls found with the name of every Field below v that is known.
func eachKnown(v reflect.Value, name string, found func(name string)) {
	switch v.Kind() {
	case reflect.Struct:
		if f := v.FieldByName("Known"); f.IsValid() {
			if f.Bool() {
				found(name)
			}
			return
		}
		for i := range v.NumField() {
			eachKnown(v.Field(i), name+"."+v.Type().Field(i).Name, found)
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			eachKnown(v.Index(i), fmt.Sprintf("%s[%d]", name, i), found)
		}
	default:
	}
}

// TestEachFieldFilled leaves one field after the other unwritten in a header
// that is otherwise good.
func TestEachFieldFilled(t *testing.T) {
	t.Parallel()
	for bits, size := range map[int]int{64: 0x2000, 32: 0x1000} {
		good := build(t, dumptest.Spec{Bits: bits, Pages: 64, Type: dumpfile.TypeFull})
		width := bits / 8
		for off := 8; off+width <= size; off += width {
			if off == 0xFA0 {
				width = 8 // the times and the length are as long in both headers
			}
			h := parse(t, edit(good[:size], func(b []byte) { copy(b[off:off+width], "PAGEPAGE") }))
			if text := fmt.Sprintf("%+v %+v", *h, h.Context); strings.Contains(text, fmt.Sprint(fill32)) || strings.Contains(text, fmt.Sprint(uint64(fill64))) {
				t.Errorf("%d bits: the fill at %#x was taken for data: %s", bits, off, text)
			}
		}
	}
}

// TestRegisters expects the registers of every architecture that the header
// was given, and none that its flags leave out.
func TestRegisters(t *testing.T) {
	t.Parallel()
	for _, m := range machines {
		s := m.spec
		s.Pages, s.Type = 64, dumpfile.TypeFull
		b := build(t, s)
		h := parse(t, b)
		at, flags := 0x348, 0x30
		if h.Bits == 32 {
			at = 0x320
		}
		if h.Machine.Value != dumpfile.MachineX64 {
			flags = 0
		}
		kernelBase := dumptest.KernelBase(s)
		if c := h.Context; c == nil || c.PC != kernelBase+0x3FE210 || c.SP&0xFFFFFFF != 0x5A11C28 || c.Registers[0].Value != 0xE2 || len(c.Registers) < 16 {
			t.Errorf("%s: %+v", m.name, c)
		}
		control := parse(t, edit(b, func(b []byte) { b[at+flags] = 1 })).Context
		if control == nil || control.PC == 0 || len(control.Registers) > 6 || control.Registers[0].Name != h.Context.Registers[firstControl(h)].Name {
			t.Errorf("%s, control registers only: %+v", m.name, control)
		}
		if c := parse(t, edit(b, func(b []byte) { b[at+flags+2] = 0x20 })).Context; c != nil {
			t.Errorf("%s, of another architecture: %+v", m.name, c)
		}
	}
}

// firstControl is where the first control register stands among all.
func firstControl(h *dumpfile.Header) int {
	if h.Machine.Value == dumpfile.MachineARM64 {
		return 29
	}
	return 6
}
