package windows

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"hangkit/hive"
)

// classKeyboard is the device setup class of keyboards, as the value ClassGUID of an instance under Enum names it.
const classKeyboard = "{4d36e96b-e325-11ce-bfc1-08002be10318}"

// Devices is what the key Enum remembers: everything ever connected, so hints, not proof.
type Devices struct {
	Keyboards []string // services of the keyboards
	virtual   map[string]sighting
}

// sighting is what Enum holds of one platform's virtual hardware.
type sighting struct {
	devices int
	latest  time.Time // when the last of them was new
}

// maxInstances bounds the walk through Enum: a well-used machine has some thousands.
const maxInstances = 20_000

// virtualHardware maps the beginning of a device id to the platform that makes such devices. What is left out proves
// nothing: a virtual disk of Microsoft's (SCSI\Disk&Ven_Msft) is on every machine that once opened a VHD, and Hyper-V's
// drivers come with Windows; a device on the bus VMBUS is in guests only.
var virtualHardware = []struct{ prefix, platform string }{
	{`PCI\VEN_1D0F`, AWS},
	{`SCSI\DISK&VEN_NVME&PROD_AMAZON`, AWS},
	{`PCI\VEN_1AE0`, GCP},
	{`PCI\VEN_15AD`, VMware},
	{`SCSI\DISK&VEN_VMWARE`, VMware},
	{`PCI\VEN_80EE`, VirtualBox},
	{`SCSI\DISK&VEN_VBOX`, VirtualBox},
	{`PCI\VEN_5853`, Xen},
	{`VMBUS\{`, HyperV},
	{`PCI\VEN_1AF4`, KVM},
	{`PCI\VEN_1B36`, KVM},
	{`SCSI\DISK&VEN_QEMU`, KVM},
	{`SCSI\DISK&VEN_RED_HAT`, KVM},
}

func (f *Facts) readDevices(r *reader) {
	f.Devices = readEnum(r, r.key(f.ControlSet.Key("Enum")))
	f.Keyboards = readKeyboards(r, f.ControlSet, f.Devices.Keyboards)
	f.readServices(r)
}

func readEnum(r *reader, enum *hive.Key) Devices {
	d := Devices{virtual: map[string]sighting{}}
	left := maxInstances
	for bus := range subkeys(r, enum) {
		for id := range subkeys(r, bus) {
			d.noteID(bus.Name(), id)
			for instance := range subkeys(r, id) {
				if left--; left < 0 {
					return d
				}
				d.noteInstance(r, instance)
			}
		}
	}
	return d
}

// subkeys walks the sub-keys of a key that may be nil, and notes why it stopped early.
func subkeys(r *reader, k *hive.Key) iter.Seq[*hive.Key] {
	return func(yield func(*hive.Key) bool) {
		if k == nil {
			return
		}
		for sub, err := range k.Subkeys() {
			if err != nil {
				r.problem(k.Name(), err)
				return
			}
			if !yield(sub) {
				return
			}
		}
	}
}

// noteID looks at a kind of device. Its key was last written when another device of that kind came.
func (d *Devices) noteID(bus string, id *hive.Key) {
	full := strings.ToUpper(bus + `\` + id.Name())
	for _, v := range virtualHardware {
		if strings.HasPrefix(full, v.prefix) {
			s := d.virtual[v.platform]
			s.devices++
			if at := id.LastWritten(); at.After(s.latest) {
				s.latest = at
			}
			d.virtual[v.platform] = s
		}
	}
}

func (d *Devices) noteInstance(r *reader, k *hive.Key) {
	class, service := "", ""
	for val, err := range k.Values() {
		if err != nil {
			r.problem(k.Name(), err)
			return
		}
		switch {
		case strings.EqualFold(val.Name, "ClassGUID"):
			class = strings.ToLower(val.Text())
		case strings.EqualFold(val.Name, "Service"):
			service = strings.ToLower(val.Text())
		}
	}
	if class == classKeyboard && service != "" && !slices.Contains(d.Keyboards, service) {
		d.Keyboards = append(d.Keyboards, service)
	}
}

// platforms lists the platforms whose virtual hardware was seen, the likeliest one of today first: clouds, whose own
// devices stand beside virtio ones; then the one whose devices came last, as a virtual machine that moves to another
// hypervisor keeps the old ones in Enum; then the one with more of them.
func (d *Devices) platforms() []string {
	var out []string
	for _, v := range virtualHardware {
		if d.virtual[v.platform].devices > 0 && !slices.Contains(out, v.platform) {
			out = append(out, v.platform)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		if byCloud := cmp.Compare(cloudRank(a), cloudRank(b)); byCloud != 0 {
			return byCloud
		}
		x, y := d.virtual[a], d.virtual[b]
		return cmp.Or(y.latest.Compare(x.latest), cmp.Compare(y.devices, x.devices))
	})
	return out
}

func cloudRank(platform string) int {
	if platform == AWS || platform == GCP {
		return 0
	}
	return 1
}

// Watchdog is an agent or driver of a watchdog that may reset the machine before its dump is written.
type Watchdog struct {
	Service string
	Vendor  string // whose: "HPE Automatic Server Recovery"
	Start   int
}

const (
	hpASR   = "HP/HPE Automatic Server Recovery (ASR)"
	ibmASR  = "IBM/Lenovo Automatic Server Restart"
	dellASR = "Dell OpenManage automatic recovery"
)

var watchdogServices = []struct{ service, vendor string }{
	{"ProLiantMonitor", hpASR}, {"sysdown", hpASR}, {"hpqams", hpASR}, {"ams", hpASR}, {"CqMgServ", hpASR},
	{"CqMgHost", hpASR}, {"CqMgStor", hpASR}, {"CpqNicMgmt", hpASR}, {"SysMgmtHp", hpASR}, {"CpqRcmc3", hpASR},
	{"Cissesrv", hpASR}, {"hpqilo2", hpASR}, {"hpqilo3", hpASR}, {"hpqilo3chif", hpASR},
	{"ibmspem", ibmASR}, {"ibmspreq", ibmASR},
	{"dcstor32", dellASR}, {"dcstor64", dellASR}, {"dcevt32", dellASR}, {"dcevt64", dellASR},
	{"Server Administrator", dellASR},
}

// askedServices are the other services some rule asks for.
var askedServices = []string{
	"ClusSvc", "pvpanic", "viostor", "vioscsi", "uwfvol", "fbwf", "ewf", "vmms", "sdbus",
	azureAgent, "AmazonSSMAgent", "GCEAgent", "VBoxGuest", "xenbus", "vmci", "vmxnet3ndis6", "netkvm",
}

func (f *Facts) readServices(r *reader) {
	f.Services = map[string]uint32{}
	for _, name := range askedServices {
		if start, ok := r.serviceStart(f.ControlSet, name); ok {
			f.Services[name] = start
		}
	}
	for _, w := range watchdogServices {
		if start, ok := r.serviceStart(f.ControlSet, w.service); ok && start < ServiceDisabled {
			f.Watchdogs = append(f.Watchdogs, Watchdog{Service: w.service, Vendor: w.vendor, Start: int(start)})
		}
	}
	slices.SortStableFunc(f.Watchdogs, func(a, b Watchdog) int { return cmp.Compare(a.Vendor, b.Vendor) })
}

func (r *reader) serviceStart(c ControlSet, name string) (uint32, bool) {
	return r.values(c.Key(`Services\` + name)).DWORD("Start")
}

// ServiceActive reports whether a service exists and is not disabled.
func (f *Facts) ServiceActive(name string) bool {
	start, ok := f.Services[name]
	return ok && start < ServiceDisabled
}
