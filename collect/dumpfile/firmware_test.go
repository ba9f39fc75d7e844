package dumpfile_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// firmwareDump is the packed header of a firmware dump and some bytes.
func firmwareDump(flags uint32, size, required uint64) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(le.AppendUint32([]byte("Raw_Dmp!"), 1), flags) // version 1.0
	b = append(b, make([]byte, 0x14)...)                                // OsData, CpuContext, ResetTrigger
	b = le.AppendUint64(le.AppendUint64(b, size), required)
	return append(le.AppendUint32(b, 3), make([]byte, 0x1000)...)
}

func TestParseFirmware(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		b    []byte
		want dumpfile.Firmware
		err  error
	}{
		{"whole", firmwareDump(1, 0x1038, 0), dumpfile.Firmware{Valid: true, Sections: 3, Size: dumpfile.Length{Bytes: 0x1038, Known: true, Reason: "DumpSize"}}, nil},
		{"cut short", firmwareDump(2, 0x1038, 1<<33), dumpfile.Firmware{Insufficient: true, Sections: 3, Required: 1 << 33, Size: dumpfile.Length{Bytes: 0x1038, Known: true, Reason: "DumpSize"}}, nil},
		{"absurd", firmwareDump(1, 1<<63, 0), dumpfile.Firmware{Valid: true, Sections: 3, Size: dumpfile.Length{Reason: "DumpSize 0x8000000000000000 is absurd"}}, nil},
		{"never written", firmwareDump(0, 0, 0), dumpfile.Firmware{Sections: 3, Size: dumpfile.Length{Reason: "DumpSize 0x0 is absurd"}}, nil},
		{"encrypted", []byte("Enc_Dmp! and so on"), dumpfile.Firmware{Encrypted: true, Size: dumpfile.Length{Reason: "the header with the length is encrypted"}}, nil},
		{"header cut", firmwareDump(1, 1, 1)[:0x37], dumpfile.Firmware{}, dumpfile.ErrTruncated},
		{"another file", []byte("something else"), dumpfile.Firmware{}, dumpfile.ErrNotDump},
	} {
		got, err := dumpfile.ParseFirmware(bytes.NewReader(c.b), int64(len(c.b)))
		if !errors.Is(err, c.err) || err == nil && *got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

func TestParseRemains(t *testing.T) {
	t.Parallel()
	b := build(t, dumptest.Spec{WipeFirst: true, BootID: 41, UpTime: time.Hour})
	h, err := dumpfile.ParseRemains(bytes.NewReader(b), int64(len(b)), dumpfile.KindWiped64)
	if err != nil {
		t.Fatal(err)
	}
	if h.BootID.Value != 41 || h.SystemUpTime.Value != time.Hour || !h.Attributes.Known || h.Type != dumpfile.TypeBitmapKernel {
		t.Errorf("left: %+v", h)
	}
	if h.SystemTime.Known || h.BugCheck.Code.Known || h.Machine.Known || h.RequiredSpace.Known || h.PAE.Known || h.Comment != "" || h.Memory.Plausible {
		t.Errorf("more than is left: %+v", h)
	}
	for name, c := range map[string]struct {
		b    []byte
		kind dumpfile.Kind
	}{"32 bits": {b, dumpfile.KindWiped32}, "cut": {b[:0x1FFF], dumpfile.KindWiped64}} {
		if h, err := dumpfile.ParseRemains(bytes.NewReader(c.b), int64(len(c.b)), c.kind); h != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
}

// FuzzNoHeader reads what has no kernel header of its own to read.
func FuzzNoHeader(f *testing.F) {
	seeds(f)
	f.Add(firmwareDump(1, 0x1038, 0))
	f.Add([]byte("Enc_Dmp!"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size := bytes.NewReader(b), int64(len(b))
		if d, err := dumpfile.ParseFirmware(r, size); (d == nil) == (err == nil) || d != nil && d.Size.Known && d.Size.Bytes <= 0 {
			t.Fatalf("firmware dump %+v, %v", d, err)
		}
		h, err := dumpfile.ParseRemains(r, size, dumpfile.KindWiped64)
		if (h == nil) == (err == nil && size >= 0x2000) || h != nil && h.SystemTime.Known {
			t.Fatalf("remains %+v, %v", h, err)
		}
	})
}
