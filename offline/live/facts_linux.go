package live

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

func readIdentity() identity {
	id := identity{}
	if b, err := os.ReadFile(liveFile); err != nil || json.Unmarshal(b, &id) != nil || id.Version == "" {
		id.Version = "devel" // a medium of one's own making
	}
	return id
}

// secureBootVariable holds one byte behind four of attributes (UEFI section 3.3).
const secureBootVariable = "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

// readFacts looks at what the machine is and how it was started.
func readFacts(id identity) facts {
	f := facts{
		identity: id,
		lockdown: lockdownState(attribute("/sys/kernel/security", "lockdown")),
		machine:  strings.TrimSpace(attribute(dmi, "sys_vendor") + " " + attribute(dmi, "product_name")),
		memory:   memory(),
		noBIOS:   runtime.GOARCH != "amd64",
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		f.kernel = unix.ByteSliceToString(u.Release[:])
	}
	if _, err := os.Stat("/sys/firmware/efi"); err == nil {
		f.uefi = true
		b, err := os.ReadFile(filepath.Join(firmwareMount.dir, secureBootVariable))
		f.secureBootKnown = err == nil && len(b) == 5
		f.secureBoot = f.secureBootKnown && b[4] == 1
	}
	return f
}

const dmi = "/sys/class/dmi/id"

func memory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// isQEMU tells whether the machine is a virtual one whose owner can hand in commands.
func isQEMU() bool {
	for _, name := range []string{"sys_vendor", "product_name", "chassis_vendor"} {
		if s := attribute(dmi, name); strings.Contains(s, "QEMU") || strings.Contains(s, "KVM") {
			return true
		}
	}
	return false
}

// hostDir is where the module qemu_fw_cfg shows what the host handed in.
const hostDir = "/sys/firmware/qemu_fw_cfg/by_name/opt/hangkit"

// hostOptions are those that the host of a virtual machine gives.
func hostOptions() map[string]string {
	found := map[string]string{}
	entries, err := os.ReadDir(hostDir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if b, err := os.ReadFile(filepath.Join(hostDir, e.Name(), "raw")); err == nil && len(b) <= maxScript {
			found[e.Name()] = strings.TrimSpace(strings.TrimRight(string(b), "\x00"))
		}
	}
	return found
}
