package windows_test

import (
	"fmt"
	"strings"
	"testing"

	"hangkit/hive"
	"hangkit/offline/windows"
	"hangkit/offline/windows/sample"
	"hangkit/offline/windows/windowstest"
)

// nothingNoted is a Windows 10 that knows nothing of its machine.
func nothingNoted() sample.Options {
	o := sample.Client()
	o.Manufacturer, o.Model, o.Chassis, o.HardwareUUID, o.Keyboards = "", "", 0, "", nil
	return o
}

// factsWith are the facts of a sample whose SYSTEM hive was changed.
func factsWith(t *testing.T, o sample.Options, here windows.SMBIOS, change func(set func(key, name, text string))) *windows.Facts {
	t.Helper()
	v := windowstest.NewVolume(t, o)
	v.MapFS["Windows/System32/config/SYSTEM"].Data = windowstest.HiveBytes(t, func(o sample.Options) (*hive.Hive, error) {
		h, err := sample.System(o)
		change(func(key, name, text string) {
			value := hive.Value{Name: name, Type: hive.SZ, Data: hive.EncodeSZ(text)}
			if name == "Start" {
				value = hive.Value{Name: name, Type: hive.DWORD, Data: hive.EncodeDWORD(uint32(text[0] - '0'))}
			}
			if err == nil {
				err = h.SetValue(key, value)
			}
		})
		return h, err
	}, o)
	return windowstest.Facts(t, windowstest.Open(t, v, "Windows"), windows.Live{SMBIOS: here})
}

// device is a change that leaves a device in Enum.
func device(ids ...string) func(set func(key, name, text string)) {
	return func(set func(key, name, text string)) {
		for _, id := range ids {
			set(`ControlSet001\Enum\`+id+`\3&11583659&0&78`, "Service", "x")
		}
	}
}

// services is a change that installs services of a start type.
func services(start string, names ...string) func(set func(key, name, text string)) {
	return func(set func(key, name, text string)) {
		for _, name := range names {
			set(`ControlSet001\Services\`+name, "Start", start)
		}
	}
}

// TestPlatformSources: every source is taken in its order, and none says more than it knows.
func TestPlatformSources(t *testing.T) {
	t.Parallel()
	const guid, other = "{67314d56-e237-4c1c-9d3f-5a0c7c1b2a31}", "{00000000-1111-2222-3333-444444444444}"
	azureHere := windows.SMBIOS{Manufacturer: "Microsoft Corporation", Product: "Virtual Machine", UUID: guid, AssetTag: "7783-7084-3265-9085-8269-3286-77"}
	hyperV := sample.Client()
	hyperV.Manufacturer, hyperV.Model = "Microsoft Corporation", "Virtual Machine"
	reflected := sample.Client()
	reflected.Manufacturer, reflected.Model = "Dell Inc.", "PowerEdge R740"
	none := func(func(key, name, text string)) {}
	for name, tt := range map[string]struct {
		o      sample.Options
		here   windows.SMBIOS
		change func(set func(key, name, text string))
		want   string // platform, source, guessed or sure, also
	}{
		"HardwareConfig": {sample.Client(), windows.SMBIOS{}, none, "vmware; SYSTEM, HardwareConfig; sure; "},
		"another machine's description beside its own": {sample.Client(), windows.SMBIOS{}, func(set func(key, name, text string)) {
			set(`HardwareConfig\`+other, "SystemManufacturer", "Dell Inc.")
			set(`HardwareConfig\`+other, "SystemProductName", "PowerEdge R740")
		}, "vmware; SYSTEM, HardwareConfig; sure; "},
		"LastConfig names the other": {sample.Client(), windows.SMBIOS{}, func(set func(key, name, text string)) {
			set(`HardwareConfig`, "LastConfig", other)
			set(`HardwareConfig\`+other, "SystemManufacturer", "Dell Inc.")
			set(`HardwareConfig\`+other, "SystemProductName", "PowerEdge R740")
		}, "dell-idrac; SYSTEM, HardwareConfig; sure; "},
		"LastConfig leads elsewhere": {sample.Client(), windows.SMBIOS{}, func(set func(key, name, text string)) {
			set(`HardwareConfig`, "LastConfig", `x\..\..`)
		}, "; ; sure; "},
		"placeholders, then SystemInformation": {nothingNoted(), windows.SMBIOS{}, func(set func(key, name, text string)) {
			set(`HardwareConfig`, "LastConfig", guid)
			set(`HardwareConfig\`+guid, "SystemManufacturer", "To Be Filled By O.E.M.")
			set(`ControlSet001\Control\SystemInformation`, "SystemManufacturer", "Xen")
			set(`ControlSet001\Control\SystemInformation`, "SystemProductName", "HVM domU")
			set(`ControlSet001\Control\SystemInformation`, "BIOSVersion", "4.2.amazon")
		}, "aws-xen; SYSTEM, SystemInformation; sure; "},
		"this machine's firmware": {nothingNoted(), azureHere, none, "azure; this machine's firmware; guessed; "},
		"this machine's firmware, the same machine": {nothingNoted(), azureHere, func(set func(key, name, text string)) {
			set(`HardwareConfig`, "LastConfig", guid)
			set(`HardwareConfig\`+guid, "LastUse", "x")
		}, "azure; this machine's firmware; sure; "},
		"asset tag of the same machine":   {hyperV, azureHere, none, "azure; SYSTEM, HardwareConfig; sure; "},
		"asset tag of another machine":    {hyperV, windows.SMBIOS{UUID: other, AssetTag: azureHere.AssetTag}, none, "hyperv; SYSTEM, HardwareConfig; sure; "},
		"Azure's agent on Hyper-V":        {hyperV, windows.SMBIOS{}, services("2", "WindowsAzureGuestAgent"), "azure; SYSTEM, HardwareConfig, service WindowsAzureGuestAgent; sure; "},
		"Azure's agent elsewhere":         {sample.Client(), windows.SMBIOS{}, services("2", "WindowsAzureGuestAgent"), "vmware; SYSTEM, HardwareConfig; sure; "},
		"VMware's devices":                {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_15AD&DEV_0405`), "vmware; SYSTEM, Enum: devices seen so far; guessed; "},
		"VMware's disk":                   {nothingNoted(), windows.SMBIOS{}, device(`SCSI\Disk&Ven_VMware&Prod_Virtual_disk`), "vmware; SYSTEM, Enum: devices seen so far; guessed; "},
		"VirtualBox' devices":             {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_80EE&DEV_CAFE`), "virtualbox; SYSTEM, Enum: devices seen so far; guessed; "},
		"VirtualBox' disk":                {nothingNoted(), windows.SMBIOS{}, device(`SCSI\Disk&Ven_VBOX&Prod_HARDDISK`), "virtualbox; SYSTEM, Enum: devices seen so far; guessed; "},
		"virtio":                          {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_1AF4&DEV_1001`), "kvm; SYSTEM, Enum: devices seen so far; guessed; "},
		"QEMU's bridge":                   {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_1B36&DEV_000C`), "kvm; SYSTEM, Enum: devices seen so far; guessed; "},
		"QEMU's disk":                     {nothingNoted(), windows.SMBIOS{}, device(`SCSI\Disk&Ven_QEMU&Prod_QEMU_HARDDISK`), "kvm; SYSTEM, Enum: devices seen so far; guessed; "},
		"virtio's disk":                   {nothingNoted(), windows.SMBIOS{}, device(`SCSI\Disk&Ven_Red_Hat&Prod_VirtIO`), "kvm; SYSTEM, Enum: devices seen so far; guessed; "},
		"Xen's devices":                   {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_5853&DEV_0001`), "xen; SYSTEM, Enum: devices seen so far; guessed; "},
		"Amazon's devices, on Xen":        {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_5853&DEV_0001`, `PCI\VEN_5853&DEV_0002`, `PCI\VEN_1D0F&DEV_EC20`), "aws; SYSTEM, Enum: devices seen so far; guessed; "},
		"Amazon's disk":                   {nothingNoted(), windows.SMBIOS{}, device(`SCSI\Disk&Ven_NVMe&Prod_Amazon_Elastic_B`), "aws; SYSTEM, Enum: devices seen so far; guessed; "},
		"Google's devices, beside virtio": {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_1AF4&DEV_1004`, `PCI\VEN_1AF4&DEV_1000`, `PCI\VEN_1AE0&DEV_0042`), "gcp; SYSTEM, Enum: devices seen so far; guessed; "},
		"devices on Hyper-V's bus":        {nothingNoted(), windows.SMBIOS{}, device(`VMBUS\{f8615163-df3e-46c5-913f-f2d2f965ed0e}`), "hyperv; SYSTEM, Enum: devices seen so far; guessed; "},
		"such a bus with Azure's agent": {nothingNoted(), windows.SMBIOS{}, func(set func(key, name, text string)) {
			device(`VMBUS\{f8615163-df3e-46c5-913f-f2d2f965ed0e}`)(set)
			services("2", "WindowsAzureGuestAgent")(set)
		}, "azure; SYSTEM, Enum: devices seen so far, service WindowsAzureGuestAgent; guessed; "},
		"a VHD was opened":            {nothingNoted(), windows.SMBIOS{}, device(`SCSI\Disk&Ven_Msft&Prod_Virtual_Disk`, `ROOT\VMBUS`, `ROOT\VID`), "; ; sure; "},
		"Hyper-V's drivers":           {nothingNoted(), windows.SMBIOS{}, services("0", "vmbus", "storvsc", "hyperkbd", "gencounter", "pvscsi", "vmic", "VMBusHID", "HyperVideo", "netvsc", "vmms"), "; ; sure; "},
		"VMware's tools":              {nothingNoted(), windows.SMBIOS{}, services("3", "vmci", "vmxnet3ndis6"), "vmware; service vmci and vmxnet3ndis6; guessed; "},
		"VMware Workstation's driver": {nothingNoted(), windows.SMBIOS{}, services("0", "vmci"), "; ; sure; "},
		"VirtualBox' additions":       {nothingNoted(), windows.SMBIOS{}, services("1", "VBoxGuest"), "virtualbox; service VBoxGuest; guessed; "},
		"Xen's drivers":               {nothingNoted(), windows.SMBIOS{}, services("0", "xenbus"), "xen; service xenbus; guessed; "},
		"virtio's disk driver":        {nothingNoted(), windows.SMBIOS{}, services("0", "viostor"), "kvm; service viostor; guessed; "},
		"virtio's SCSI driver":        {nothingNoted(), windows.SMBIOS{}, services("0", "vioscsi"), "kvm; service vioscsi; guessed; "},
		"virtio's network driver":     {nothingNoted(), windows.SMBIOS{}, services("3", "netkvm"), "kvm; service netkvm; guessed; "},
		"Amazon's agent":              {nothingNoted(), windows.SMBIOS{}, services("2", "AmazonSSMAgent"), "aws; service AmazonSSMAgent; guessed; "},
		"Azure's agent":               {nothingNoted(), windows.SMBIOS{}, services("2", "WindowsAzureGuestAgent"), "azure; service WindowsAzureGuestAgent; guessed; "},
		"Google's agent":              {nothingNoted(), windows.SMBIOS{}, services("2", "GCEAgent"), "gcp; service GCEAgent; guessed; "},
		"an agent that is disabled":   {nothingNoted(), windows.SMBIOS{}, services("4", "GCEAgent"), "; ; sure; "},
		"devices before agents": {nothingNoted(), windows.SMBIOS{}, func(set func(key, name, text string)) {
			device(`PCI\VEN_15AD&DEV_0405`)(set)
			services("2", "GCEAgent")(set)
		}, "vmware; SYSTEM, Enum: devices seen so far; guessed; "},
		"moved from VMware to KVM":             {nothingNoted(), windows.SMBIOS{}, device(`PCI\VEN_15AD&DEV_0405`, `PCI\VEN_15AD&DEV_0740`, `PCI\VEN_1AF4&DEV_1001`), "vmware; SYSTEM, Enum: devices seen so far; guessed; kvm"},
		"a virtual machine with a host's name": {reflected, windows.SMBIOS{}, device(`PCI\VEN_15AD&DEV_0405`), "dell-idrac; SYSTEM, HardwareConfig; sure; vmware"},
		"its own devices are no contradiction": {sample.Client(), windows.SMBIOS{}, device(`PCI\VEN_15AD&DEV_0405`), "vmware; SYSTEM, HardwareConfig; sure; "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := factsWith(t, tt.o, tt.here, tt.change).Platform
			sure := map[bool]string{false: "sure", true: "guessed"}[p.Guessed]
			if got := fmt.Sprintf("%s; %s; %s; %s", p.ID, p.Source, sure, strings.Join(p.Also, ", ")); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
