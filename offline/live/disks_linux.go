package live

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const classBlock = "/sys/class/block"

// sysfsSector is the unit of sizes in sysfs, whatever the disk's own.
const sysfsSector = 512

// inventory is what is known of the block devices of the machine.
type inventory struct {
	build string // of the medium that was started

	mu      sync.Mutex
	devices map[string]*device
	changed time.Time
	notify  chan struct{} // something changed; holds one
}

func newInventory(build string) *inventory {
	return &inventory{build: build, devices: map[string]*device{}, notify: make(chan struct{}, 1)}
}

// take is told of a block device by a uevent, or by us of one that is there.
func (v *inventory) take(u Uevent) {
	name := filepath.Base(u.Env["DEVNAME"])
	if name == "." || notDisks.MatchString(name) {
		return
	}
	if u.Action == "remove" {
		v.update(func() { delete(v.devices, name) })
		return
	}
	d := describeDevice(name)
	if d.size == 0 {
		v.update(func() { delete(v.devices, name) }) // a reader without a card
		return
	}
	d.looking = true
	v.update(func() { v.devices[name] = d })
	go v.look(d)
}

// update changes the inventory and tells whoever waits.
func (v *inventory) update(change func()) {
	v.mu.Lock()
	change()
	v.changed = time.Now()
	v.mu.Unlock()
	select {
	case v.notify <- struct{}{}:
	default:
	}
}

// look reads the first sectors in its own time: a dying disk takes minutes to say no.
func (v *inventory) look(d *device) {
	found := *d
	found.looking = false
	found.err = found.read(v.build)
	v.update(func() {
		if v.devices[d.name] == d { // else it went, or came again
			v.devices[d.name] = &found
		}
	})
}

func (d *device) read(build string) error {
	f, err := os.OpenFile(filepath.Join("/dev", d.name), os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	sector := make([]byte, bootSector)
	if _, err := f.ReadAt(sector, 0); err != nil {
		return err
	}
	d.fs = fileSystem(sector)
	if d.fs == "exFAT" {
		d.label, err = exfatLabel(f)
	}
	if d.disk == "" {
		d.medium, d.started = isMedium(f, build)
	}
	return err
}

// describeDevice reads what sysfs says of a block device.
func describeDevice(name string) *device {
	dir := filepath.Join(classBlock, name)
	d := &device{name: name, size: attributeNumber(dir, "size") * sysfsSector}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return d // it is gone
	}
	whole := real
	if _, err := os.Stat(filepath.Join(real, "partition")); err == nil {
		whole = filepath.Dir(real)
		d.disk = filepath.Base(whole)
	}
	d.model = strings.Join(strings.Fields(vendor(whole)+" "+attribute(whole, "device/model")), " ")
	d.outside = strings.Contains(real, "/usb") || attributeNumber(whole, "removable") != 0 || isCard(whole)
	return d
}

// isCard tells an SD card from memory that is soldered in, which the kernel calls mmcblk as well.
func isCard(dir string) bool { return attribute(dir, "device/type") == "SD" }

// vendor is the maker's name. Virtual disks have the number of their bus there.
func vendor(dir string) string {
	name := attribute(dir, "device/vendor")
	if strings.HasPrefix(name, "0x") || name == "ATA" {
		return ""
	}
	return name
}

func attribute(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func attributeNumber(dir, name string) int64 {
	n, err := strconv.ParseInt(attribute(dir, name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// snapshot copies what is known, in the order of names, and says since when it is so.
func (v *inventory) snapshot() ([]device, time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []device
	for _, d := range v.devices {
		list = append(list, *d)
	}
	slices.SortFunc(list, func(a, b device) int { return strings.Compare(a.name, b.name) })
	return list, v.changed
}

// quiet tells whether no disk has come for so long that none is waited for any more.
func (v *inventory) quiet() bool {
	_, changed := v.snapshot()
	return time.Since(changed) > answerTime
}
