package sample

import (
	"fmt"
	"slices"

	"hangkit/offline/windows"
)

// hardware is what a Windows notes of a machine of one platform.
type hardware struct {
	id       string
	maker    string
	product  string
	chassis  uint32 // SMBIOS chassis type
	bios     string // version of the firmware
	acpi     string // in front of SystemBiosVersion, where the platform is known by it
	devices  []string
	services []string
	keyboard string // beside or instead of the usual ones
}

// SMBIOS chassis types (SMBIOS specification, System Enclosure or Chassis Types).
const (
	chassisOther    = 1
	chassisDesktop  = 3
	chassisNotebook = 10
	chassisRack     = 23
	chassisTablet   = 30
)

// machines has a machine of each platform that a Windows can be known to run on by its own disk. Not
// among them is Oracle's cloud: its mark is in the firmware only.
var machines = []hardware{
	{id: windows.VMware, maker: "VMware, Inc.", product: "VMware7,1", chassis: chassisOther, acpi: "INTEL ",
		devices: []string{`PCI\VEN_15AD&DEV_0405&SUBSYS_040515AD&REV_00`, `SCSI\Disk&Ven_VMware&Prod_Virtual_disk`}},
	{id: windows.HyperV, maker: "Microsoft Corporation", product: "Virtual Machine", chassis: chassisDesktop, keyboard: windows.HyperVKeyboard,
		devices: []string{`VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}`}},
	{id: windows.Azure, maker: "Microsoft Corporation", product: "Virtual Machine", chassis: chassisDesktop, keyboard: windows.HyperVKeyboard,
		devices: []string{`VMBUS\{ba6163d9-04a1-4d29-b605-72e2ffb1dc7f}`}, services: []string{"WindowsAzureGuestAgent"}},
	{id: windows.KVM, maker: "QEMU", product: "Standard PC (Q35 + ICH9, 2009)", chassis: chassisOther,
		devices: []string{`PCI\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01`}},
	{id: windows.KubeVirt, maker: "KubeVirt", product: "None", chassis: chassisOther},
	{id: windows.OpenStack, maker: "OpenStack Foundation", product: "OpenStack Nova", chassis: chassisOther},
	{id: windows.VirtualBox, maker: "innotek GmbH", product: "VirtualBox", chassis: chassisOther, acpi: "VBOX  ",
		devices: []string{`PCI\VEN_80EE&DEV_CAFE&SUBSYS_00000000&REV_00`, `SCSI\Disk&Ven_VBOX&Prod_HARDDISK`}},
	{id: windows.Xen, maker: "Xen", product: "HVM domU", chassis: chassisOther, bios: "4.17",
		devices: []string{`PCI\VEN_5853&DEV_0001&SUBSYS_00015853&REV_01`}},
	{id: windows.AWS, maker: "Amazon EC2", product: "m5.large", chassis: chassisOther,
		devices: []string{`PCI\VEN_1D0F&DEV_EC20&SUBSYS_EC201D0F&REV_00`}},
	{id: windows.AWSXen, maker: "Xen", product: "HVM domU", chassis: chassisOther, bios: "4.11.amazon"},
	{id: windows.GCP, maker: "Google", product: "Google Compute Engine", chassis: chassisOther,
		devices: []string{`PCI\VEN_1AE0&DEV_0042&SUBSYS_00581AE0&REV_01`}},
	{id: windows.Bhyve, maker: "BHYVE", product: "BHYVE", chassis: chassisOther},
	{id: windows.Nutanix, maker: "Nutanix", product: "AHV", chassis: chassisOther},
	{id: windows.Alibaba, maker: "Alibaba Cloud", product: "Alibaba Cloud ECS", chassis: chassisOther},
	{id: windows.Parallels, maker: "Parallels International GmbH.", product: "Parallels Virtual Platform", chassis: chassisOther},
	{id: windows.HPE, maker: "HPE", product: "ProLiant DL380 Gen10", chassis: chassisRack, services: []string{"ProLiantMonitor", "ams"}},
	{id: windows.Dell, maker: "Dell Inc.", product: "PowerEdge R740", chassis: chassisRack},
	{id: windows.Lenovo, maker: "Lenovo", product: "ThinkSystem SR650 -[7X06CTO1WW]-", chassis: chassisRack},
	{id: windows.IBM, maker: "IBM", product: "System x3650 M4 -[7915AC1]-", chassis: chassisRack},
	{id: windows.Cisco, maker: "Cisco Systems Inc", product: "UCSC-C220-M5SX", chassis: chassisRack},
	{id: windows.Supermicro, maker: "Supermicro", product: "SYS-6029P-TR", chassis: chassisRack},
	{id: windows.Fujitsu, maker: "FUJITSU", product: "PRIMERGY RX2540 M5", chassis: chassisRack},
	{id: windows.Egenera, maker: "Egenera, Inc.", product: "BladeFrame", chassis: chassisRack},
	{id: windows.GenericIPMI, maker: "Quanta Cloud Technology Inc.", product: "QuantaGrid D52B-1U", chassis: chassisRack},
	{id: windows.Surface, maker: "Microsoft Corporation", product: "Surface Pro 7", chassis: chassisTablet},
	{id: windows.Laptop, maker: "LENOVO", product: "21CB000JGE", chassis: chassisNotebook},
	{id: windows.PC, maker: "Dell Inc.", product: "OptiPlex 7090", chassis: chassisDesktop},
}

// Platforms are the ids of the platforms that On knows.
func Platforms() []string {
	var ids []string
	for _, m := range machines {
		ids = append(ids, m.id)
	}
	return ids
}

// On is the installation on a machine of a platform, with this SMBIOS UUID. Windows before 10 does not
// note what machine it is on: there only one whose devices tell it is of use.
func (o Options) On(platform, uuid string) (Options, error) {
	i := slices.IndexFunc(machines, func(m hardware) bool { return m.id == platform })
	if i < 0 {
		return o, fmt.Errorf("no sample of a machine %q", platform)
	}
	m := &machines[i]
	if o.Build < windows.Build10 && len(m.devices) == 0 {
		return o, fmt.Errorf("a Windows before 10 does not note that its machine is %q", platform)
	}
	o.Manufacturer, o.Model, o.Chassis, o.BIOSVersion, o.FirmwareID = m.maker, m.product, m.chassis, m.bios, m.acpi
	o.Devices = append(slices.Clone(o.Devices), m.devices...)
	o.Services = append(slices.Clone(o.Services), m.services...)
	if m.keyboard != "" {
		o.Keyboards = []string{m.keyboard}
	}
	if o.Build >= windows.Build8 {
		o.HardwareUUID = "{" + uuid + "}"
	}
	return o, nil
}
