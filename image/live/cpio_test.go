package live

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func madeArchive() []byte {
	c := &cpio{}
	c.device("dev/console", 0o600, 5, 1)
	c.file("init", 0o755, []byte("odd"))
	c.symlink("sbin/modprobe", "/init")
	c.file("sbin/x", 0o644, nil)
	return c.finish()
}

// TestCPIO reads the archive as the kernel does: header, name, content, each on four bytes.
func TestCPIO(t *testing.T) {
	t.Parallel()
	var got []string
	b := madeArchive()
	if len(b)%cpioBlock != 0 {
		t.Errorf("%d bytes are no whole blocks", len(b))
	}
	for off := 0; off < len(b) && b[off] != 0; {
		field := func(n int) int {
			v, err := strconv.ParseUint(string(b[off+6+8*n:off+14+8*n]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		mode, size, nameSize := field(1), field(6), field(11)
		name := string(b[off+110 : off+110+nameSize-1])
		data := (off + 110 + nameSize + 3) &^ 3
		got = append(got, strings.TrimSpace(strconv.FormatInt(int64(mode), 8)+" "+name+" "+string(b[data:data+size])))
		off = (data + size + 3) &^ 3
	}
	want := []string{"40755 dev", "20600 dev/console", "100755 init odd", "40755 sbin", "120777 sbin/modprobe /init", "100644 sbin/x", "0 TRAILER!!!"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOracleCPIO has another program list and check the archive.
func TestOracleCPIO(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a.cpio")
	writeFile(t, name, madeArchive())
	if got := run(t, "sh", "-c", program(t, "cpio")+" -t --quiet < "+name); got != "dev\ndev/console\ninit\nsbin\nsbin/modprobe\nsbin/x\n" {
		t.Errorf("lists %q", got)
	}
}

func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
