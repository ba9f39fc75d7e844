package dumpfile_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// pefileScript prints what python3-pefile finds in an image: machine, time
// stamp, size, check sum, version and symbol file.
const pefileScript = `
import pefile, sys
for name in sys.argv[1:]:
    pe = pefile.PE(name)
    o, v = pe.OPTIONAL_HEADER, pe.VS_FIXEDFILEINFO[0]
    cv = [d.entry for d in pe.DIRECTORY_ENTRY_DEBUG if d.entry][0]
    print('%04x %08x %x %x %d.%d.%d.%d %s %s' % (pe.FILE_HEADER.Machine, pe.FILE_HEADER.TimeDateStamp, o.SizeOfImage, o.CheckSum,
        v.FileVersionMS >> 16, v.FileVersionMS & 0xffff, v.FileVersionLS >> 16, v.FileVersionLS & 0xffff,
        cv.PdbFileName.split(bytes(1))[0].decode(), cv.Signature_String))
`

// TestOracleKernelImage has python3-pefile read the kernel's image out of the
// dump's memory, and compares with what was found in it.
func TestOracleKernelImage(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, which has Debian's modules
	if err := exec.CommandContext(t.Context(), python, "-c", "import pefile").Run(); err != nil {
		if os.Getenv("HANGKIT_REQUIRE_ORACLES") == "1" {
			t.Fatalf("python3-pefile is required: %v", err)
		}
		t.Skip("python3-pefile is not installed")
	}
	args := []string{"-c", pefileScript}
	var want strings.Builder
	for n, m := range machines {
		s := m.spec
		s.Pages, s.Type = 64, dumpfile.TypeFull
		b := build(t, s)
		file := filepath.Join(t.TempDir(), fmt.Sprint(n))
		if err := os.WriteFile(file, kernelImage(t, b), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
		i := verify(b).Memory.Image.Value
		fmt.Fprintf(&want, "%04x %08x %x %x %s %s %s\n", i.Machine, i.TimeDateStamp, i.Size, i.CheckSum, i.Version, i.PDB, i.PDBKey)
	}
	out, err := exec.CommandContext(t.Context(), python, args...).CombinedOutput()
	if err != nil || string(out) != want.String() {
		t.Errorf("pefile finds, %v,\n%sthe dumps' kernels are\n%s", err, out, want.String())
	}
}

// kernelImage is what a dump's memory holds of ntoskrnl.exe.
func kernelImage(t *testing.T, b []byte) []byte {
	t.Helper()
	pages := layout(t, b).Pages
	var image []byte
	for pfn := uint64(dumptest.FrameImage); pfn <= dumptest.FrameResources; pfn++ {
		off, ok, err := pages.Offset(pfn)
		if !ok || err != nil {
			t.Fatalf("page %#x: %v", pfn, err)
		}
		image = append(image, b[off:off+dumpfile.PageSize]...)
	}
	return image
}
