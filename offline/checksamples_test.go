package offline

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"hangkit/ntfs/format"
	"hangkit/offline/windows"
)

// checkedHive is a registry that Windows wrote, and what check must say of it.
type checkedHive struct {
	name   string // of the sample
	golden string
	ram    string // of the machine, made up: no registry says it
	hive   int    // exit status for the bare hive
	disk   int    // and for a disk that holds it
	small  bool   // small enough for every run of the tests
}

var checkedHives = []checkedHive{
	{name: "SYSTEM_winxpsp3_x86_m57", golden: "xpsp3", ram: "512M", hive: 7, disk: 7},
	{name: "SYSTEM_winxp_regsave_v1.3", golden: "xp-regsave", ram: "2G", hive: 7, disk: 7, small: true},
	{name: "SYSTEM_win2003dc_x86", golden: "2003-dc", ram: "384M", hive: 7, disk: 7},
	{name: "SYSTEM_win7sp1_x86", golden: "win7sp1", ram: "2G", hive: 7, disk: 7},
	{name: "SYSTEM_2", golden: "win81-dirty", ram: "2G", hive: 4, disk: 4},
	{name: "SYSTEM_win10_10240_small", golden: "win10-fragment", ram: "4G", hive: 7, disk: 7, small: true},
	{name: "SYSTEM_B/SYSTEM_B", golden: "win10-1709", ram: "8G", hive: 7, disk: 7},
	{name: "SYSTEM_WIN_10_1709", golden: "win10-1903-dirty", ram: "4G", hive: 4, disk: 4},
	{name: "corrupted_system_hive", golden: "xp-corrupted", ram: "512M", hive: 5, disk: 5},
}

// TestOracleCheckSamples: what check says of real registries, as bare files and on disks,
// is what was reviewed against the documents.
func TestOracleCheckSamples(t *testing.T) {
	for _, h := range checkedHives {
		if !h.small && !requireOracles() {
			continue
		}
		t.Run(h.golden, func(t *testing.T) {
			files := realFiles(t, h.name)
			t.Chdir(t.TempDir())
			for name, data := range files {
				if err := os.WriteFile(name, data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			checkGolden(t, h.golden+".hive", h.hive, "check", "SYSTEM", "--ram", h.ram)
			checkDisk(t, "disk.img", func(windows.VolumeID) []format.Entry { return windowsTree("Windows", files) })
			checkGolden(t, h.golden+".disk", h.disk, "check", "disk.img", "--ram", h.ram)
		})
	}
}

// realFiles are a hive and the logs published with it, by the names Windows gives them.
func realFiles(t *testing.T, name string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{"SYSTEM": sampleBytes(t, name)}
	if path.Dir(name) != "." { // a folder of its own: with logs
		for _, log := range []string{"LOG1", "LOG2"} {
			files["SYSTEM."+log] = sampleBytes(t, name+"."+log)
		}
	}
	return files
}

// Every real SYSTEM hive among the samples is checked.
func TestOracleCheckSamplesAll(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("HANGKIT_SAMPLES")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "samples")
	}
	found, err := filepath.Glob(filepath.Join(dir, "hives", "real", "*SYSTEM*"))
	if err != nil || len(found) == 0 {
		missing(t, "samples")
	}
	for _, f := range append(found, "corrupted_system_hive.xz") {
		name := strings.TrimSuffix(filepath.Base(f), ".xz")
		if !slices.ContainsFunc(checkedHives, func(h checkedHive) bool { return path.Base(h.name) == name }) {
			t.Errorf("%s is not checked", name)
		}
	}
}
