package windows

import (
	"bytes"
	"encoding/binary"
	"testing"

	"hangkit/hive"
)

// portableExecutable is the least of a driver image that has a version: DOS header, COFF header without an optional one,
// one section .rsrc with VS_FIXEDFILEINFO somewhere in it.
func portableExecutable(machine, build uint16) []byte {
	const coff, section, data = 68, 88, 128
	b := make([]byte, data+64)
	copy(b, "MZ")
	b[0x3C] = 64
	copy(b[64:], "PE\x00\x00")
	le := binary.LittleEndian
	le.PutUint16(b[coff:], machine)
	le.PutUint16(b[coff+2:], 1) // sections
	copy(b[section:], ".rsrc")
	le.PutUint32(b[section+8:], 64)    // virtual size
	le.PutUint32(b[section+16:], 64)   // size of raw data
	le.PutUint32(b[section+20:], data) // their offset
	copy(b[data+20:], fixedFileInfo)
	le.PutUint32(b[data+20+fileVersionLS:], uint32(build)<<16|4170)
	return b
}

func TestReadKernel(t *testing.T) {
	t.Parallel()
	for machine, arch := range map[uint16]string{0x8664: "amd64", 0x14C: "x86", 0xAA64: "arm64"} {
		k := readKernel(bytes.NewReader(portableExecutable(machine, 19041)))
		if k.arch.Value != arch || k.build.Value != 19041 || !k.build.Known {
			t.Errorf("machine %#x: %+v", machine, k)
		}
	}
	for name, b := range map[string][]byte{
		"empty": nil, "text": []byte("not an image"), "cut": portableExecutable(0x8664, 1)[:150], "no version": portableExecutable(0x8664, 1)[:140],
	} {
		if k := readKernel(bytes.NewReader(b)); k.build.Known {
			t.Errorf("%s: build %+v", name, k.build)
		}
	}
}

func FuzzReadKernel(f *testing.F) {
	f.Add(portableExecutable(0x8664, 19041))
	f.Add([]byte("MZ"))
	f.Fuzz(func(_ *testing.T, b []byte) { readKernel(bytes.NewReader(b)) })
}

func TestProductName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		build          int
		client, server string
	}{
		{26100, "Windows 11", "Windows Server 2025"}, {22631, "Windows 11", "Windows Server"}, {20348, "Windows 10", "Windows Server 2022"},
		{19045, "Windows 10", "Windows Server 2019"}, {14393, "Windows 10", "Windows Server 2016"}, {9600, "Windows 8.1", "Windows Server 2012 R2"},
		{7601, "Windows 7", "Windows Server 2008 R2"}, {6002, "Windows Vista", "Windows Server 2008"}, {3790, "Windows XP x64", "Windows Server 2003"},
		{2600, "Windows XP", "Windows XP"}, {1381, "", ""},
	} {
		if got := productName(sure(tt.build, ""), false); got != tt.client {
			t.Errorf("client %d: %q", tt.build, got)
		}
		if got := productName(sure(tt.build, ""), true); got != tt.server {
			t.Errorf("server %d: %q", tt.build, got)
		}
	}
	if got := productName(Fact[int]{}, false); got != "" {
		t.Errorf("unknown build: %q", got)
	}
}

func TestVersionText(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]Version{
		"Windows 10 Pro 22H2 (build 19045.4170)":     {Build: sure(19045, ""), UBR: sure(4170, ""), Product: "Windows 10 Pro", Display: "22H2"},
		"Windows 7 Service Pack 1 (build 7601)":      {Build: sure(7601, ""), Product: "Windows 7", Pack: "Service Pack 1"},
		"Windows 10 (build 10240 or later)":          {Build: guessed(10240, ""), Product: "Windows 10"},
		"Windows (build unknown)":                    {},
		"Windows Server 2022 Standard (build 20348)": {Build: sure(20348, ""), Product: "Windows Server 2022 Standard"},
	} {
		if got := v.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSystemPack(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint32]string{0: "", 0x100: "Service Pack 1", 0x300: "Service Pack 3", 1: "", 0x10000: ""} {
		v := NewValues("k", hive.Value{Name: "CSDVersion", Type: hive.DWORD, Data: hive.EncodeDWORD(n)})
		if got := systemPack(v); got != want {
			t.Errorf("%#x: %q, want %q", n, got, want)
		}
	}
	if got := systemPack(Values{}); got != "" {
		t.Errorf("absent: %q", got)
	}
}
