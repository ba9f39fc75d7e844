package windows

import "testing"

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		m    SMBIOS
		want string
	}{
		{SMBIOS{Manufacturer: "VMware, Inc.", Product: "VMware7,1"}, VMware},
		{SMBIOS{Manufacturer: "vmware, inc. ", Product: "VMware Virtual Platform"}, VMware},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Virtual Machine"}, HyperV},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Virtual Machine", AssetTag: azureAssetTag}, Azure},
		{SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Surface Pro 9"}, Surface},
		{SMBIOS{Manufacturer: "innotek GmbH", Product: "VirtualBox"}, VirtualBox},
		{SMBIOS{Manufacturer: "QEMU", Product: "Standard PC (Q35 + ICH9, 2009)"}, KVM},
		{SMBIOS{Manufacturer: "Red Hat", Product: "KVM"}, KVM},
		{SMBIOS{Manufacturer: "Red Hat", Product: "OpenStack Compute"}, OpenStack},
		{SMBIOS{Manufacturer: "Xen", Product: "HVM domU", BIOSVersion: "4.11"}, Xen},
		{SMBIOS{Manufacturer: "Xen", Product: "HVM domU", BIOSVersion: "4.11.amazon"}, AWS},
		{SMBIOS{Manufacturer: "Amazon EC2", Product: "m5.large"}, AWS},
		{SMBIOS{Manufacturer: "Google", Product: "Google Compute Engine"}, GCP},
		{SMBIOS{Manufacturer: "QEMU", Product: "x", AssetTag: "OracleCloud.com"}, OCI},
		{SMBIOS{Manufacturer: "HPE", Product: "ProLiant DL380 Gen10"}, HPE},
		{SMBIOS{Manufacturer: "HP", Product: "HP EliteBook 840", Chassis: 10}, Laptop},
		{SMBIOS{Manufacturer: "Hewlett-Packard", Product: "HP Z620", Chassis: 6}, PC},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "PowerEdge R740", Chassis: 23}, Dell},
		{SMBIOS{Manufacturer: "Dell Inc.", Product: "Latitude E6430", Chassis: 9}, Laptop},
		{SMBIOS{Manufacturer: "LENOVO", Product: "System x3650 M5 -[8871AC1]-"}, IBM},
		{SMBIOS{Manufacturer: "Lenovo", Product: "ThinkSystem SR650 -[7X06CTO1WW]-"}, Lenovo},
		{SMBIOS{Manufacturer: "IBM", Product: "eserver xSeries 346 -[8840]-"}, PC},
		{SMBIOS{Manufacturer: "Cisco Systems Inc", Product: "UCSC-C220-M5SX"}, Cisco},
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
		{SMBIOS{}, UnknownPlace},
	} {
		if got := Identify(tt.m); got != tt.want {
			t.Errorf("Identify(%+v) = %q, want %q", tt.m, got, tt.want)
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
