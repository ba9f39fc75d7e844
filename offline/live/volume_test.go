package live

import (
	"bytes"
	"strings"
	"testing"
)

// exfatVolume is as much of an exFAT volume as holds its label.
func exfatVolume(label string) []byte {
	const shift, clusterShift, heap, cluster = 9, 3, 64, 5
	b := make([]byte, 64<<10)
	copy(b[signatureOffset:], signatureExFAT)
	le.PutUint32(b[exfatHeapOffset:], heap)
	le.PutUint32(b[exfatRootCluster:], cluster)
	b[exfatSectorShift], b[exfatClusterShift] = shift, clusterShift
	entry := b[heap<<shift+(cluster-2)<<(shift+clusterShift):]
	entry[0] = 0x81 // the allocation bitmap comes first here
	entry = entry[exfatEntry:]
	entry[0], entry[1] = exfatLabelType, byte(len(label))
	for i, r := range label {
		le.PutUint16(entry[2+2*i:], uint16(r))
	}
	return b
}

func TestExfatLabel(t *testing.T) {
	t.Parallel()
	if got, err := exfatLabel(bytes.NewReader(exfatVolume(Label))); err != nil || got != Label {
		t.Errorf("got %q, %v", got, err)
	}
	unnamed := exfatVolume("")
	if got, err := exfatLabel(bytes.NewReader(unnamed)); err != nil || got != "" {
		t.Errorf("without a label: got %q, %v", got, err)
	}
	for name, change := range map[string]func(b []byte){
		"cluster 0":    func(b []byte) { le.PutUint32(b[exfatRootCluster:], 0) },
		"far cluster":  func(b []byte) { le.PutUint32(b[exfatRootCluster:], 1<<32-1) },
		"sector shift": func(b []byte) { b[exfatSectorShift] = 200 },
		"other volume": func(b []byte) { copy(b[signatureOffset:], signatureNTFS) },
	} {
		b := exfatVolume(Label)
		change(b)
		if got, err := exfatLabel(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestFileSystem(t *testing.T) {
	t.Parallel()
	for signature, want := range map[string]string{signatureNTFS: "NTFS", signatureExFAT: "exFAT", signatureFVE: "BitLocker", "MSDOS5.0": ""} {
		sector := make([]byte, bootSector)
		copy(sector[signatureOffset:], signature)
		if got := fileSystem(sector); got != want {
			t.Errorf("%q: got %q, want %q", signature, got, want)
		}
	}
	if got := fileSystem(make([]byte, 11)); got != "" {
		t.Errorf("a short sector: got %q", got)
	}
}

const testBuild = "0123456789abcdef"

// isoRecord is a directory record of ECMA-119, section 9.1, with a Rock Ridge name that is
// only searched for.
func isoRecord(name, rockRidge string, extent, length uint32) []byte {
	b := make([]byte, isoName, 256)
	le.PutUint32(b[isoExtent:], extent)
	le.PutUint32(b[isoLength:], length)
	b[isoNameLen] = byte(len(name))
	b = append(append(b, name...), rockRidge...)
	if len(b)%2 != 0 {
		b = append(b, 0)
	}
	b[0] = byte(len(b))
	return b
}

// isoMedium is as much of the medium as tells which it is.
func isoMedium(label, build string) []byte {
	b := make([]byte, 24*isoSector)
	d := b[isoDescriptor:]
	copy(d, "\x01CD001\x01")
	copy(d[isoVolumeID:], label+strings.Repeat(" ", isoVolumeLen-len(label)))
	copy(d[isoRootRecord:], isoRecord("\x00", "", 20, 2*isoSector))
	copy(b[20*isoSector:], isoRecord("BOOT", "", 23, isoSector))
	copy(b[21*isoSector:], isoRecord("HANGKIT", "", 22, isoSector)) // in the directory's second sector
	copy(b[22*isoSector:], isoRecord(strings.ToUpper(build[:8]), "NM"+build, 23, 0))
	return b
}

func TestIsMedium(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, label, on, asked string
		medium, started        bool
	}{
		{"the one that was started", Label, testBuild, testBuild, true, true},
		{"another one", Label, "fedcba9876543210", testBuild, true, false},
		{"nobody knows which was started", Label, testBuild, "", true, false},
		{"another ISO", "DEBIAN", testBuild, testBuild, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			medium, started := isMedium(bytes.NewReader(isoMedium(c.label, c.on)), c.asked)
			if medium != c.medium || started != c.started {
				t.Errorf("medium %v, started %v", medium, started)
			}
		})
	}
	if medium, _ := isMedium(bytes.NewReader(make([]byte, 4096)), testBuild); medium {
		t.Error("a short disk is a medium")
	}
}

func FuzzVolume(f *testing.F) {
	f.Add(exfatVolume(Label)[:4096], testBuild)
	f.Add(isoMedium(Label, testBuild), testBuild)
	f.Fuzz(func(t *testing.T, b []byte, build string) {
		label, err := exfatLabel(bytes.NewReader(b))
		if err != nil && label != "" {
			t.Errorf("label %q and error %v", label, err)
		}
		if medium, started := isMedium(bytes.NewReader(b), build); started && !medium {
			t.Error("started, but no medium")
		}
	})
}
