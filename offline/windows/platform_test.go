package windows

import "testing"

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		m    SMBIOS
		want string
	}{
		{SMBIOS{Manufacturer: "VMware, Inc.", Product: "VMware7,1"}, VMware},
		{SMBIOS{Manufacturer: "VMware, Inc.", Product: "VMware20,1"}, VMware},
		{SMBIOS{Manufacturer: "vmware, inc. ", Product: "VMware Virtual Platform"}, VMware},
		{SMBIOS{Manufacturer: "Acme OEM", Product: "VMware Virtual Platform"}, VMware},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Virtual Machine"}, HyperV},
		{SMBIOS{Manufacturer: "microsoft corporation", Product: "virtual machine", Chassis: 3}, HyperV},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: azureAssetTag}, Azure},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: " " + azureAssetTag + " "}, Azure},
		{SMBIOS{Manufacturer: "VMware, Inc.", Product: "VMware7,1", AssetTag: azureAssetTag}, VMware},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Surface Pro 9", Chassis: 9}, Surface},
		{SMBIOS{Manufacturer: "Microsoft", Product: "Surface Book"}, Surface},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "C1060", Chassis: 3}, PC},
		{SMBIOS{Manufacturer: "innotek GmbH", Product: "VirtualBox"}, VirtualBox},
		{SMBIOS{Manufacturer: "Oracle Corporation", Product: "VirtualBox"}, VirtualBox},
		{SMBIOS{Manufacturer: "Oracle Corporation", Product: "ORACLE SERVER X8-2", Chassis: 23}, GenericIPMI},
		{SMBIOS{Manufacturer: "QEMU", Product: "Standard PC (i440FX + PIIX, 1996)"}, KVM},
		{SMBIOS{Manufacturer: "QEMU", Product: "Standard PC (Q35 + ICH9, 2009)"}, KVM},
		{SMBIOS{Manufacturer: "Bochs", Product: "Bochs"}, KVM},
		{SMBIOS{Manufacturer: "KVM", Product: "x"}, KVM},
		{SMBIOS{Manufacturer: "Red Hat", Product: "KVM"}, KVM},
		{SMBIOS{Manufacturer: "Red Hat", Product: "RHEL"}, KVM},
		{SMBIOS{Manufacturer: "Red Hat", Product: "RHEV Hypervisor"}, KVM},
		{SMBIOS{Manufacturer: "oVirt", Product: "oVirt Node"}, KVM},
		{SMBIOS{Manufacturer: "oVirt", Product: "RHEL"}, KVM},
		{SMBIOS{Manufacturer: "KubeVirt", Product: "None"}, KubeVirt},
		{SMBIOS{Manufacturer: "OpenStack Foundation", Product: "OpenStack Nova"}, OpenStack},
		{SMBIOS{Manufacturer: "RDO", Product: "OpenStack Compute"}, OpenStack},
		{SMBIOS{Manufacturer: "Red Hat", Product: "OpenStack Compute"}, OpenStack},
		{SMBIOS{Manufacturer: "Xen", Product: "HVM domU", BIOSVersion: "4.11"}, Xen},
		{SMBIOS{Manufacturer: "Xen", Product: "HVM domU", BIOSVersion: "4.11.amazon"}, AWSXen},
		{SMBIOS{Manufacturer: "Amazon EC2", Product: "m5.large", BIOSVersion: "1.0"}, AWS},
		{SMBIOS{Manufacturer: "Amazon EC2", Product: "i3.metal", Chassis: 23}, AWS},
		{SMBIOS{Manufacturer: "Google", Product: "Google Compute Engine"}, GCP},
		{SMBIOS{Manufacturer: "Google", Product: "Eve", Chassis: 9}, Laptop},
		{SMBIOS{Manufacturer: "Nutanix", Product: "AHV"}, Nutanix},
		{SMBIOS{Manufacturer: "Alibaba Cloud", Product: "Alibaba Cloud ECS"}, Alibaba},
		{SMBIOS{Manufacturer: "Parallels Software International Inc.", Product: "Parallels Virtual Platform"}, Parallels},
		{SMBIOS{Manufacturer: "Parallels International GmbH.", Product: "Parallels ARM Virtual Machine", Chassis: 10}, Parallels},
		{SMBIOS{Manufacturer: "BHYVE", Product: "BHYVE"}, Bhyve},
		{SMBIOS{Manufacturer: "FreeBSD", Product: "BHYVE"}, Bhyve},
		{SMBIOS{Manufacturer: "QEMU", Product: "x", AssetTag: "OracleCloud.com"}, OCI},
		{SMBIOS{AssetTag: "oraclecloud.com"}, OCI},
		{SMBIOS{Manufacturer: "HPE", Product: "ProLiant DL380 Gen10", Chassis: 23}, HPE},
		{SMBIOS{Manufacturer: "HP", Product: "ProLiant DL380 G7"}, HPE},
		{SMBIOS{Manufacturer: "Hewlett-Packard", Product: "Superdome2 16s"}, HPE},
		{SMBIOS{Manufacturer: "Hewlett Packard Enterprise", Product: "Synergy 480 Gen10"}, HPE},
		{SMBIOS{Manufacturer: "HPE", Product: "Apollo 4200"}, HPE},
		{SMBIOS{Manufacturer: "HP", Product: "HP EliteBook 840", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: "Hewlett-Packard", Product: "HP Z620", Chassis: 6}, PC},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "PowerEdge R740", Chassis: 23}, Dell},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "PowerVault NX3240"}, Dell},
		{SMBIOS{Manufacturer: "Dell EMC", Product: "VxRail E560"}, Dell},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "Latitude E6430", Chassis: 9}, Laptop},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "OptiPlex 7050", Chassis: 3}, PC},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "Precision 7920 Rack", Chassis: 23}, GenericIPMI},
		{SMBIOS{Manufacturer: "LENOVO", Product: "System x3650 M5 -[8871AC1]-"}, IBM},
		{SMBIOS{Manufacturer: "Lenovo", Product: "ThinkSystem SR650 -[7X06CTO1WW]-"}, Lenovo},
		{SMBIOS{Manufacturer: "LENOVO", Product: "ThinkAgile HX1320"}, Lenovo},
		{SMBIOS{Manufacturer: "Lenovo", Product: "SR630 -[7X02CTO1WW]-"}, Lenovo},
		{SMBIOS{Manufacturer: "LENOVO", Product: "20XW0027GE", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: "IBM", Product: "System x3550 M4 -[7914AC1]-"}, IBM},
		{SMBIOS{Manufacturer: "IBM", Product: "BladeCenter HS22 -[7870AC1]-"}, IBM},
		{SMBIOS{Manufacturer: "IBM", Product: "x3850 -[7143AC1]-"}, IBM},
		{SMBIOS{Manufacturer: "IBM", Product: "eserver xSeries 346 -[8840]-"}, PC},
		{SMBIOS{Manufacturer: "Cisco Systems Inc", Product: "UCSC-C220-M5SX"}, Cisco},
		{SMBIOS{Manufacturer: "Cisco Systems, Inc.", Product: "UCSB-B200-M4"}, Cisco},
		{SMBIOS{Manufacturer: "Cisco Systems Inc", Product: "UCSX-210C-M6"}, Cisco},
		{SMBIOS{Manufacturer: "Supermicro", Product: "SYS-6029P-TR"}, Supermicro},
		{SMBIOS{Manufacturer: "Super Micro Computer, Inc.", Product: "X9DRi"}, Supermicro},
		{SMBIOS{Manufacturer: "FUJITSU", Product: "PRIMERGY RX2540 M4"}, Fujitsu},
		{SMBIOS{Manufacturer: "Fujitsu Siemens Computers", Product: "PRIMERGY TX200 S4"}, Fujitsu},
		{SMBIOS{Manufacturer: "FUJITSU", Product: "PRIMEQUEST 2800E"}, Fujitsu},
		{SMBIOS{Manufacturer: "FUJITSU", Product: "LIFEBOOK U748", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: "Egenera, Inc.", Product: "pServer"}, Egenera},
		{SMBIOS{Manufacturer: "Quanta", Product: "board", Chassis: 23}, GenericIPMI},
		{SMBIOS{Manufacturer: "Quanta Cloud Technology Inc.", Product: "QuantaGrid D52B-1U"}, GenericIPMI},
		{SMBIOS{Manufacturer: "Quanta", Product: "TWS", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: "Inspur", Product: "NF5280M5"}, GenericIPMI},
		{SMBIOS{Manufacturer: "ASRockRack", Product: "X470D4U"}, GenericIPMI},
		{SMBIOS{Manufacturer: "TYAN", Product: "S7106"}, GenericIPMI},
		{SMBIOS{Manufacturer: "Intel Corporation", Product: "S2600WFT"}, GenericIPMI},
		{SMBIOS{Manufacturer: "Intel Corporation", Product: "NUC7i5BNH", Chassis: 3}, PC},
		{SMBIOS{Manufacturer: "Huawei", Product: "2288H V5"}, GenericIPMI},
		{SMBIOS{Manufacturer: "HUAWEI", Product: "MateBook X", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: "GIGABYTE", Product: "R181-2A0-00"}, GenericIPMI},
		{SMBIOS{Manufacturer: "GIGABYTE", Product: "GB-BXi7-4770R", Chassis: 3}, PC},
		{SMBIOS{Manufacturer: "To be filled by O.E.M.", Product: "x"}, UnknownPlace},
		{SMBIOS{Manufacturer: "System manufacturer", Product: "System Product Name", Chassis: 3}, UnknownPlace},
		{SMBIOS{Manufacturer: "Default string", Product: "Default string", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: " ", Product: "Not Specified", Chassis: 17}, GenericIPMI},
		{SMBIOS{Product: "VirtualBox"}, UnknownPlace},
		{SMBIOS{}, UnknownPlace},
	} {
		if got := Identify(tt.m); got != tt.want {
			t.Errorf("Identify(%+v) = %q, want %q", tt.m, got, tt.want)
		}
	}
}

// The chassis types of the SMBIOS specification decide where the maker does not.
func TestIdentifyChassis(t *testing.T) {
	t.Parallel()
	want := map[uint32]string{
		8: Laptop, 9: Laptop, 10: Laptop, 14: Laptop, 30: Laptop, 31: Laptop, 32: Laptop,
		17: GenericIPMI, 23: GenericIPMI, 25: GenericIPMI, 28: GenericIPMI, 29: GenericIPMI,
	}
	for chassis := range uint32(40) {
		id, ok := want[chassis]
		if !ok {
			id = PC
		}
		if got := Identify(SMBIOS{Manufacturer: "Acme", Product: "One", Chassis: chassis}); got != id {
			t.Errorf("chassis %d: %q, want %q", chassis, got, id)
		}
	}
}

// What firmware leaves where nobody filled anything in is no name.
func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, p := range append([]string{"", "  ", "DEFAULT STRING ", "none"}, placeholders...) {
		if got := realName(p); got != "" {
			t.Errorf("%q is taken for a name", p)
		}
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	const own = "{4c4c4544-0042-3210-804d-c4c04f4e3232}"
	for _, tt := range []struct {
		noted, live   string
		moved, atHome bool
	}{
		{own, "4C4C4544-0042-3210-804D-C4C04F4E3232", false, true},
		{own, "44454c4c-4200-1032-804d-c4c04f4e3232", false, true}, // as an SMBIOS before 2.6 is read
		{own, "4c4c4544-0042-3210-804d-c4c04f4e3233", true, false},
		{own, "", false, false},
		{"", "4c4c4544-0042-3210-804d-c4c04f4e3232", false, false},
		{own, "00000000-0000-0000-0000-000000000000", false, false}, // unset
		{own, "ffffffff-ffff-ffff-ffff-ffffffffffff", false, false},
		{own, "4c4c4544", true, false},
		{"nonsense", "4-4", true, false},
	} {
		m := Machine{SMBIOS: SMBIOS{UUID: tt.noted}, LiveUUID: tt.live}
		if m.Moved() != tt.moved || m.AtHome() != tt.atHome {
			t.Errorf("%q on %q: moved %v, at home %v", tt.noted, tt.live, m.Moved(), m.AtHome())
		}
	}
}

func TestLike(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"*b", "ab", true}, {"*", "", true}, {"a*c*e", "abcde", true},
		{"a*c*e", "abde", false}, {"*-[7*", "x -[7x06", true}, {"ab*ba", "aba", false},
	} {
		if got := like(tt.pattern, tt.s); got != tt.want {
			t.Errorf("like(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
}
