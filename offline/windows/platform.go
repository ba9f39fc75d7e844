package windows

import (
	"slices"
	"strings"
)

// Platform ids: what the machine is, as far as triggering a crash on it goes.
const (
	VMware       = "vmware"
	HyperV       = "hyperv"
	Azure        = "azure"
	Surface      = "surface"
	VirtualBox   = "virtualbox"
	KVM          = "kvm"
	KubeVirt     = "kubevirt"
	OpenStack    = "openstack"
	Xen          = "xen"
	AWS          = "aws"
	AWSXen       = "aws-xen"
	GCP          = "gcp"
	OCI          = "oci"
	Nutanix      = "nutanix"
	Alibaba      = "alibaba"
	Parallels    = "parallels"
	Bhyve        = "bhyve"
	HPE          = "hpe-ilo"
	Dell         = "dell-idrac"
	Lenovo       = "lenovo-xcc"
	IBM          = "ibm-imm"
	Cisco        = "cisco"
	Supermicro   = "supermicro"
	Fujitsu      = "fujitsu"
	Egenera      = "egenera"
	GenericIPMI  = "ipmi"
	Laptop       = "laptop"
	PC           = "pc"
	UnknownPlace = ""
)

// SMBIOS is how a machine describes itself: the strings of its firmware.
type SMBIOS struct {
	Manufacturer string
	Product      string
	BIOSVersion  string
	AssetTag     string // of the chassis
	UUID         string // system UUID as Windows writes it
	Chassis      uint32 // SMBIOS chassis type, 0 = unknown
}

// Machine is the hardware the installation last booted on, from HardwareConfig or from the running machine.
type Machine struct {
	SMBIOS
	Source   string // empty if nothing is known
	LiveUUID string // of the machine hangkit runs on
}

// Moved reports that the disk seems to sit in another machine than the one it last booted on: what the running machine
// says about RAM and hardware does not apply.
func (m Machine) Moved() bool {
	own, live := cleanUUID(m.UUID), cleanUUID(m.LiveUUID)
	return own != "" && live != "" && !sameUUID(own, live)
}

// AtHome reports that the disk certainly sits in the machine it last booted on.
func (m Machine) AtHome() bool {
	own, live := cleanUUID(m.UUID), cleanUUID(m.LiveUUID)
	return own != "" && live != "" && sameUUID(own, live)
}

// cleanUUID is a UUID in lower case without braces; "" where the firmware left it unset, which SMBIOS writes as all
// zeros or all ones.
func cleanUUID(s string) string {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), "{}"))
	if strings.Trim(s, "0-") == "" || strings.Trim(s, "f-") == "" {
		return ""
	}
	return s
}

// sameUUID compares two UUIDs of SMBIOS. Windows reads the first three groups as little-endian numbers; Linux does so
// from SMBIOS 2.6 on only, and reads older ones as they stand.
func sameUUID(a, b string) bool { return a == b || a == swapUUID(b) }

// swapUUID turns round the bytes of the first three groups.
func swapUUID(s string) string {
	groups := strings.Split(s, "-")
	for i := range min(len(groups), 3) {
		groups[i] = reversePairs(groups[i])
	}
	return strings.Join(groups, "-")
}

func reversePairs(s string) string {
	var b strings.Builder
	for i := len(s); i >= 2; i -= 2 {
		b.WriteString(s[i-2 : i])
	}
	return b.String()
}

// Platform is the place the installation runs in.
type Platform struct {
	ID      string // one of the platform ids, empty = unknown
	Source  string
	Guessed bool
	// Also are other platforms whose devices were seen: a home before this one, or a contradiction.
	Also []string
}

// Virtual reports whether the platform is a virtual machine.
func (p Platform) Virtual() bool {
	return slices.Contains([]string{VMware, HyperV, Azure, VirtualBox, KVM, KubeVirt, OpenStack, Xen, AWS, AWSXen, GCP, OCI,
		Nutanix, Alibaba, Parallels, Bhyve}, p.ID)
}

// HasNMI reports whether somebody can send the machine an NMI: sure for servers and most hypervisors, and false for
// laptops, tablets and desktops, where at best a jumper does it.
func (p Platform) HasNMI() bool {
	return !slices.Contains([]string{Surface, Laptop, PC, Parallels, Nutanix, Alibaba, AWSXen, UnknownPlace}, p.ID)
}

// Portable reports whether the machine is one whose power button is usually wired to Windows.
func (p Platform) Portable() bool { return p.ID == Surface || p.ID == Laptop }

// SMBIOS chassis types (SMBIOS specification, System Enclosure or Chassis Types).
var (
	portableChassis = []uint32{8, 9, 10, 14, 30, 31, 32}
	serverChassis   = []uint32{17, 23, 25, 28, 29}
)

// vendors maps what firmware says to platforms; the first row that fits counts. Patterns are compared without case, and
// a star stands for anything. Makers of server boards that make laptops too count for servers only in another chassis.
var vendors = []struct {
	makers   []string
	products []string
	id       string
}{
	{[]string{"VMware*", "VMW"}, []string{"*"}, VMware},
	{[]string{"*"}, []string{"VMware*"}, VMware},
	{[]string{"Microsoft Corporation", "Hyper-V"}, []string{"Virtual Machine"}, HyperV},
	{[]string{"Microsoft*"}, []string{"Surface*"}, Surface},
	{[]string{"innotek GmbH"}, []string{"*"}, VirtualBox},
	{[]string{"*"}, []string{"VirtualBox"}, VirtualBox},
	{[]string{"QEMU", "Bochs", "oVirt", "KVM"}, []string{"*"}, KVM},
	{[]string{"KubeVirt"}, []string{"*"}, KubeVirt},
	{[]string{"OpenStack*", "RDO", "Red Hat"}, []string{"OpenStack*"}, OpenStack},
	{[]string{"Red Hat"}, []string{"KVM", "RHEL*", "RHEV*"}, KVM},
	{[]string{"Xen"}, []string{"*"}, Xen},
	{[]string{"Amazon EC2"}, []string{"*"}, AWS},
	{[]string{"Google"}, []string{"Google Compute Engine"}, GCP},
	{[]string{"Nutanix"}, []string{"*"}, Nutanix},
	{[]string{"Alibaba Cloud"}, []string{"*"}, Alibaba},
	{[]string{"Parallels*"}, []string{"*"}, Parallels},
	{[]string{"BHYVE", "FreeBSD"}, []string{"BHYVE"}, Bhyve},
	{[]string{"HP", "HPE", "Hewlett-Packard", "Hewlett Packard Enterprise"},
		[]string{"ProLiant*", "Synergy*", "Superdome*", "Apollo*"}, HPE},
	{[]string{"Dell Inc.", "Dell EMC"}, []string{"PowerEdge*", "PowerVault*", "VxRail*"}, Dell},
	{[]string{"Lenovo"}, []string{"ThinkSystem*", "ThinkAgile*", "*[7X*]*"}, Lenovo},
	{[]string{"IBM", "Lenovo"}, []string{"System x*", "BladeCenter*", "*-[7*"}, IBM},
	{[]string{"Cisco Systems*"}, []string{"UCS*"}, Cisco},
	{[]string{"Supermicro", "Super Micro Computer*"}, []string{"*"}, Supermicro},
	{[]string{"FUJITSU*"}, []string{"PRIMERGY*", "PRIMEQUEST*"}, Fujitsu},
	{[]string{"Egenera*"}, []string{"*"}, Egenera},
	{[]string{"Quanta*", "Inspur*", "ASRockRack*", "Tyan*"}, []string{"*"}, GenericIPMI},
	{[]string{"Intel Corporation"}, []string{"S1200*", "S1400*", "S1600*", "S2400*", "S2600*", "S4600*", "S5500*", "S5520*", "M50*", "M70*", "D50*"}, GenericIPMI},
	{[]string{"Huawei*"}, []string{"RH*", "CH*", "1288*", "2288*", "2488*", "5288*", "5885*", "FusionServer*", "TaiShan*"}, GenericIPMI},
	{[]string{"GIGABYTE"}, []string{"R1*", "R2*", "G2*", "G4*", "H2*", "MZ*", "MD*", "MU*"}, GenericIPMI},
}

// placeholders are strings that firmware leaves where nobody filled anything in.
var placeholders = []string{"To be filled by O.E.M.", "System manufacturer", "System Product Name", "Default string",
	"None", "Not Specified"}

func realName(s string) string {
	s = strings.TrimSpace(s)
	for _, p := range placeholders {
		if strings.EqualFold(s, p) {
			return ""
		}
	}
	return s
}

// Asset tags by which a cloud marks its machines.
const (
	azureAssetTag  = "7783-7084-3265-9085-8269-3286-77"
	oracleAssetTag = "OracleCloud.com"
)

// Identify tells the platform from a machine's own description, empty if it says nothing usable.
func Identify(m SMBIOS) string {
	if strings.EqualFold(strings.TrimSpace(m.AssetTag), oracleAssetTag) {
		return OCI
	}
	id := identifyMaker(m)
	switch {
	case id == HyperV && strings.TrimSpace(m.AssetTag) == azureAssetTag:
		return Azure
	case id == Xen && strings.Contains(strings.ToLower(m.BIOSVersion), "amazon"):
		return AWSXen
	}
	return id
}

func identifyMaker(m SMBIOS) string {
	maker, product := realName(m.Manufacturer), realName(m.Product)
	portable := slices.Contains(portableChassis, m.Chassis)
	for _, v := range vendors {
		if maker != "" && likeAny(v.makers, maker) && likeAny(v.products, product) && (v.id != GenericIPMI || !portable) {
			return v.id
		}
	}
	switch {
	case portable:
		return Laptop
	case slices.Contains(serverChassis, m.Chassis):
		return GenericIPMI
	case maker != "":
		return PC
	}
	return UnknownPlace
}

func likeAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return like(strings.ToLower(p), strings.ToLower(s)) })
}

// like matches a pattern in which a star stands for any text.
func like(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	if !star {
		return s == ""
	}
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], more
	}
}

// liveFirmware is the source of what the machine hangkit runs on says about itself.
const liveFirmware = "this machine's firmware"

// readMachine settles what hardware the installation runs on, best source first: what Windows noted at its last boot,
// the machine hangkit runs on, virtual devices seen, agents installed.
func (f *Facts) readMachine(r *reader, live SMBIOS) {
	f.Machine = hardwareConfig(r)
	if f.Machine.Manufacturer == "" {
		f.Machine = systemInformation(r, f.ControlSet, f.Machine)
	}
	f.Machine.LiveUUID = live.UUID
	switch {
	case f.Machine.Manufacturer == "" && live.Manufacturer != "" && !f.Machine.Moved():
		uuid := f.Machine.UUID
		f.Machine = Machine{SMBIOS: live, Source: liveFirmware, LiveUUID: live.UUID}
		f.Machine.UUID = uuid
	case f.Machine.AtHome():
		f.Machine.AssetTag = live.AssetTag // Windows notes all of the description but this
	}
	f.Platform = f.identify()
}

func (f *Facts) identify() Platform {
	p := f.refine(f.bestGuess())
	for _, id := range f.Devices.platforms() {
		if id != p.ID && !atHomeIn(id, p.ID) {
			p.Also = append(p.Also, id)
		}
	}
	return p
}

func (f *Facts) bestGuess() Platform {
	if id := Identify(f.Machine.SMBIOS); id != UnknownPlace {
		return Platform{ID: id, Source: f.Machine.Source, Guessed: f.Machine.Source == liveFirmware && !f.Machine.AtHome()}
	}
	if seen := f.Devices.platforms(); len(seen) > 0 {
		return Platform{ID: seen[0], Source: "SYSTEM, Enum: devices seen so far", Guessed: true}
	}
	for _, a := range agentPlatforms {
		if !slices.ContainsFunc(a.services, func(s string) bool { return !f.ServiceActive(s) }) {
			return Platform{ID: a.platform, Source: "service " + strings.Join(a.services, " and "), Guessed: true}
		}
	}
	return Platform{}
}

// azureAgent is the service that Azure's virtual machines have and other Hyper-V ones do not.
const azureAgent = "WindowsAzureGuestAgent"

// agentPlatforms are services that only their own platform's guests have. VMware's vmci alone is also on machines that
// run VMware Workstation; and what Windows brings along for Hyper-V (vmbus, storvsc, hyperkbd, …) is everywhere.
var agentPlatforms = []struct {
	services []string
	platform string
}{
	{[]string{azureAgent}, Azure},
	{[]string{"AmazonSSMAgent"}, AWS},
	{[]string{"GCEAgent"}, GCP},
	{[]string{"VBoxGuest"}, VirtualBox},
	{[]string{"vmci", "vmxnet3ndis6"}, VMware},
	{[]string{"xenbus"}, Xen},
	{[]string{"viostor"}, KVM},
	{[]string{"vioscsi"}, KVM},
	{[]string{"netkvm"}, KVM},
}

// refine tells Azure from Hyper-V, whose firmware it shares.
func (f *Facts) refine(p Platform) Platform {
	if p.ID == HyperV && f.ServiceActive(azureAgent) {
		p.ID, p.Source = Azure, p.Source+", service "+azureAgent
	}
	return p
}

// atHomeIn reports whether a platform's devices belong into another one: clouds are built on hypervisors.
func atHomeIn(devices, platform string) bool {
	hosts := map[string][]string{
		HyperV: {Azure},
		Xen:    {AWS, AWSXen},
		KVM:    {KubeVirt, OpenStack, OCI, GCP, AWS, Nutanix, Alibaba, Parallels, Bhyve},
		AWS:    {AWSXen},
	}
	return slices.Contains(hosts[devices], platform)
}

// hardwareConfig reads what Windows 8 and later note about the machine at every boot. Several machines may be listed;
// LastConfig names the last one.
func hardwareConfig(r *reader) Machine {
	uuid := r.text("HardwareConfig", "LastConfig")
	if uuid == "" || strings.ContainsAny(uuid, `\/`) {
		return Machine{}
	}
	v := r.values(`HardwareConfig\` + uuid)
	text := func(name string) string {
		s, _ := v.Text(name)
		return realName(s)
	}
	m := Machine{Source: "SYSTEM, HardwareConfig", SMBIOS: SMBIOS{
		UUID: uuid, Manufacturer: text("SystemManufacturer"), Product: text("SystemProductName"),
		BIOSVersion: text("BIOSVersion"), Chassis: v.Or("EnclosureType", 0),
	}}
	if m.Manufacturer == "" {
		m.SMBIOS = fromBIOS(v, m.SMBIOS)
	}
	return m
}

// biosMakers maps the ACPI OEM id in front of SystemBiosVersion to a maker, where Windows 8.1 noted no more.
var biosMakers = map[string]SMBIOS{
	"VBOX": {Manufacturer: "innotek GmbH", Product: "VirtualBox"},
}

func fromBIOS(v Values, m SMBIOS) SMBIOS {
	lines, _ := v.Strings("SystemBiosVersion")
	if len(lines) == 0 {
		return m
	}
	id, _, _ := strings.Cut(lines[0], " ")
	if known, ok := biosMakers[id]; ok {
		m.Manufacturer, m.Product = known.Manufacturer, known.Product
	}
	return m
}

// systemInformation reads a key that exists in hives saved from a running Windows only.
func systemInformation(r *reader, c ControlSet, m Machine) Machine {
	v := r.values(c.Key(`Control\SystemInformation`))
	maker, _ := v.Text("SystemManufacturer")
	if realName(maker) == "" {
		return m
	}
	product, _ := v.Text("SystemProductName")
	m.BIOSVersion, _ = v.Text("BIOSVersion")
	m.Manufacturer, m.Product, m.Source = realName(maker), realName(product), "SYSTEM, SystemInformation"
	return m
}
