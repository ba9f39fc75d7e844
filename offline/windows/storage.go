package windows

import (
	"slices"
	"strconv"
	"strings"

	"hangkit/hive"
)

// Device setup classes of disks and of what they hang on, as the value ClassGUID has them.
const (
	classDisk           = "{4d36e967-e325-11ce-bfc1-08002be10318}"
	classDiskController = "{4d36e96a-e325-11ce-bfc1-08002be10318}" // HDC: IDE and AHCI
	classSCSIAdapter    = "{4d36e97b-e325-11ce-bfc1-08002be10318}"
)

// storageBuses are the keys of Enum below which disks and their controllers stand. The buses with thousands of other
// devices are not among them.
var storageBuses = []string{"PCI", "SCSI", "IDE", "SD", "SDMMC", "ROOT", "VMBUS", "XENBUS", "XEN", "USBSTOR", "STORAGE"}

// Storage is what the registry knows of disks and their controllers. Enum remembers everything ever connected and does
// not say what Windows starts from: so these are hints, but for a machine that has had one kind of disk only.
type Storage struct {
	Controllers []Controller
	SDDisks     int // disks on an SD or eMMC bus
	FixedDisks  int // disks on any other bus but USB
	Spaces      bool
}

// Controller is a disk controller and the driver that Windows has for it.
type Controller struct {
	Device   string // `PCI\VEN_8086&DEV_282A&…`
	Service  string
	Boot     bool   // the driver is loaded before the boot disk can be read
	Inf      string // what installed the driver
	Provider string
	Version  string
}

// Foreign reports a driver that did not come with Windows: the setup files of those are renamed to oemN.inf.
func (c Controller) Foreign() bool {
	name := strings.ToLower(c.Inf)
	return strings.HasPrefix(name, "oem") && strings.HasSuffix(name, ".inf")
}

// VirtIO reports a disk driver of the virtio-win project.
func (c Controller) VirtIO() bool {
	return strings.EqualFold(c.Service, "viostor") || strings.EqualFold(c.Service, "vioscsi")
}

// VirtIOBuild is the build of the virtio-win drivers, 221 of the version 100.91.104.22100; 0 if it has no such form.
func (c Controller) VirtIOBuild() int {
	at := strings.LastIndexByte(c.Version, '.')
	n, err := strconv.Atoi(c.Version[at+1:])
	if err != nil || at < 0 || n < 0 {
		return 0
	}
	return n / 100
}

// storageServices are the services some rule asks for because of the disks they reach.
var storageServices = []string{"USBSTOR", "UASPStor", "iScsiPrt", "msiscsi", "ClusDisk", "vmcompute"}

func (f *Facts) readStorage(r *reader) {
	f.Storage = Storage{}
	enum := f.ControlSet.Key("Enum")
	left := maxInstances
	for _, bus := range storageBuses {
		for id := range subkeys(r, r.key(enum+`\`+bus)) {
			for instance := range subkeys(r, id) {
				if left--; left < 0 {
					return
				}
				f.noteStorage(r, bus, id.Name(), instance)
			}
		}
	}
	for _, name := range storageServices {
		if start, ok := r.serviceStart(f.ControlSet, name); ok {
			f.Services[name] = start
		}
	}
}

func (f *Facts) noteStorage(r *reader, bus, id string, instance *hive.Key) {
	v := deviceValues(instance)
	class, _ := v.Text("ClassGUID")
	switch class = strings.ToLower(class); {
	case class == classDisk, isSD(bus) && strings.Contains(strings.ToUpper(id), "DISK"):
		f.Storage.countDisk(bus)
	case class == classDiskController, class == classSCSIAdapter:
		f.noteController(r, bus+`\`+id, v)
	}
}

func isSD(bus string) bool { return bus == "SD" || bus == "SDMMC" }

func (s *Storage) countDisk(bus string) {
	switch {
	case isSD(bus):
		s.SDDisks++
	case bus == "STORAGE":
		s.Spaces = true
	case bus != "USBSTOR":
		s.FixedDisks++
	}
}

// deviceValues are the values of a device; what cannot be read of it is told by the walk over all devices.
func deviceValues(k *hive.Key) Values {
	v := Values{Present: true}
	for val, err := range k.Values() {
		if err != nil || len(v.list) == maxValues {
			break
		}
		v.list = append(v.list, val)
	}
	return v
}

// noteController keeps a controller once for each driver.
func (f *Facts) noteController(r *reader, device string, v Values) {
	service, _ := v.Text("Service")
	if service == "" || slices.ContainsFunc(f.Storage.Controllers, func(c Controller) bool { return strings.EqualFold(c.Service, service) }) {
		return
	}
	c := Controller{Device: device, Service: service}
	start, ok := r.serviceStart(f.ControlSet, service)
	c.Boot = ok && start == serviceBoot
	if driver, _ := v.Text("Driver"); driver != "" {
		d := r.values(f.ControlSet.Key(`Control\Class\` + driver))
		c.Inf, _ = d.Text("InfPath")
		c.Provider, _ = d.Text("ProviderName")
		c.Version, _ = d.Text("DriverVersion")
	}
	f.Storage.Controllers = append(f.Storage.Controllers, c)
}

// serviceBoot is the Start of a driver that the loader brings along, before any disk can be read.
const serviceBoot = 0
