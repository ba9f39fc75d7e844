package crashconfig

import (
	"strings"

	"hangkit/offline/windows"
)

// Step is one thing to do.
type Step struct {
	Text    string // what to do, or what the command does
	Command string // to paste, with <placeholders>; may be empty
	Where   string // where the command runs: "ESXi host, SSH"; may be empty
	Manual  bool   // no document confirms it: check your manual
}

// place is what a platform is called and how it is sent an NMI.
type place struct {
	id    string
	name  string
	nmi   []Step
	watch []string // what may reset the machine before or during the dump, and where to switch it off
}

var (
	redfishStep = Step{Text: "Any BMC with Redfish (first read ResetType@Redfish.AllowableValues in the System resource).", Where: "any machine that reaches the BMC",
		Command: `curl -k -u <user> -X POST -H 'Content-Type: application/json' -d '{"ResetType":"Nmi"}' https://<bmc>/redfish/v1/Systems/<id>/Actions/ComputerSystem.Reset`}
	ipmiStep = Step{Text: "Any IPMI 2.0 BMC; the password comes from the variable IPMI_PASSWORD.", Where: "any machine that reaches the BMC",
		Command: "ipmitool -I lanplus -H <bmc> -U <user> -E chassis power diag"}
	freeIPMIStep = Step{Text: "The same with FreeIPMI.", Where: "any machine that reaches the BMC",
		Command: "ipmipower -h <bmc> -u <user> -P --pulse-diag-interrupt"}
	libvirtSteps = []Step{
		{Text: "libvirt.", Where: "virtualization host", Command: "virsh inject-nmi <domain>"},
		{Text: "Plain QEMU, through QMP.", Where: "QMP socket", Command: `{"execute":"inject-nmi"}`},
		{Text: "Plain QEMU, at the monitor.", Where: "QEMU monitor", Command: "nmi"},
		{Text: "Proxmox VE: then type nmi, then quit.", Where: "Proxmox host", Command: "qm monitor <vmid>", Manual: true},
		{Text: "Cockpit: the virtual machine's menu, Send non-maskable interrupt."},
	}
)

const (
	ipmiWatchdog    = "IPMI watchdog: ipmitool mc watchdog get, then ipmitool mc watchdog off"
	clusterWatchdog = "cluster or HA monitoring of the virtual machine: suspend it"
	kvmWatchdog     = "libvirt: no <watchdog> device, <on_crash>preserve</on_crash>, no hv-crash enlightenment"
)

// places lists every platform, in the order of --platform's help.
var places = []place{
	{windows.VMware, "VMware", []Step{
		{Text: "ESXi: list the virtual machines with their world ids.", Where: "ESXi host, SSH", Command: "vmdumper -l"},
		{Text: "Then send the NMI.", Where: "ESXi host, SSH", Command: "vmdumper <world id> nmi"},
		{Text: "The world id is also shown by this command.", Where: "ESXi host, SSH", Command: "esxcli vm process list"},
		{Text: "Old vSphere Client: File, Export, Export System Logs, HungVM; tick Send_NMI_To_Guest only, neither Coredump_VM nor Suspend_VM."},
		{Text: "Classic ESX: world ids with vm-support -x, then the command.", Where: "service console", Command: "/usr/lib/vmware/bin/vmdumper <world id> nmi"},
		{Text: "Without the guest's help: suspend it or snapshot it with memory, then convert.", Where: "any machine", Command: "vmss2core -W8 <file.vmss>", Manual: true},
	}, []string{"vSphere HA VM Monitoring: disable it for this virtual machine"}},
	{windows.HyperV, "Hyper-V", []Step{
		{Text: "Hosts from Windows 8.1 and Server 2012 R2 on.", Where: "Hyper-V host, elevated PowerShell", Command: `Debug-VM -Name "<vm>" -InjectNonMaskableInterrupt -Force`},
	}, []string{"failover cluster heartbeat recovery of the virtual machine: suspend it"}},
	{windows.Azure, "Azure", []Step{
		{Text: "Portal: Serial console, keyboard icon, Send NMI (boot diagnostics must be on)."},
		{Text: "Command line, with the extension serial-console.", Where: "Azure CLI", Command: "az serial-console send nmi -g <group> -n <vm>"},
	}, nil},
	{windows.KVM, "KVM, QEMU, libvirt, Proxmox", libvirtSteps, []string{kvmWatchdog}},
	{windows.KubeVirt, "KubeVirt", []Step{
		{Text: "Inside the virtual machine's launcher pod.", Where: "kubectl exec", Command: "virsh inject-nmi <domain>", Manual: true},
	}, []string{kvmWatchdog}},
	{windows.OpenStack, "OpenStack", []Step{
		{Text: "Nova, API 2.17 or later.", Where: "OpenStack client", Command: "openstack server dump create <server>"},
		{Text: "Ironic, for bare metal.", Where: "OpenStack client", Command: "openstack baremetal node inject nmi <node>"},
	}, []string{kvmWatchdog}},
	{windows.VirtualBox, "VirtualBox", []Step{
		{Text: "On the host.", Where: "VirtualBox host", Command: `VBoxManage debugvm "<vm>" injectnmi`},
	}, nil},
	{windows.Xen, "Xen, XCP-ng, XenServer", []Step{
		{Text: "Find the domain's number.", Where: "dom0", Command: "xe vm-param-get uuid=<uuid> param-name=dom-id"},
		{Text: "Then send the NMI.", Where: "dom0", Command: "xl trigger <domid> nmi"},
	}, nil},
	{windows.AWS, "Amazon EC2", []Step{
		{Text: "Nitro instances, not A1.", Where: "AWS CLI", Command: "aws ec2 send-diagnostic-interrupt --instance-id <i-…>"},
		{Text: "The same in PowerShell.", Where: "AWS Tools", Command: "Send-EC2DiagnosticInterrupt -InstanceId <i-…>"},
	}, []string{"instance auto recovery and auto-scaling health checks: suspend them"}},
	{windows.GCP, "Google Cloud", []Step{
		{Text: "An alpha command.", Where: "gcloud", Command: "gcloud alpha compute instances send-diagnostic-interrupt <name> --zone <zone>"},
	}, nil},
	{windows.OCI, "Oracle Cloud", []Step{
		{Text: "Command line.", Where: "OCI CLI", Command: "oci compute instance action --action SENDDIAGNOSTICINTERRUPT --instance-id <ocid>"},
	}, nil},
	{windows.Bhyve, "bhyve", []Step{
		{Text: "On the host.", Where: "bhyve host", Command: "bhyvectl --vm=<vm> --inject-nmi"},
	}, nil},
	{windows.Nutanix, "Nutanix AHV", nil, []string{clusterWatchdog}},
	{windows.Alibaba, "Alibaba Cloud", nil, nil},
	{windows.Parallels, "Parallels", nil, nil},
	{windows.HPE, "HP/HPE ProLiant (iLO)", []Step{
		{Text: "iLO 5 and 6, web: Diagnostics (or Information, Diagnostics), Generate NMI."},
		{Text: "iLO 2 to 4, web: Information, Diagnostics, Generate NMI to System."},
		{Text: "iLO over SSH.", Where: "iLO, SSH", Command: "nmi server"},
		{Text: "iLO 4 and later: log in with ilorest login, then the command.", Where: "HPE iLO REST tool", Command: "ilorest reboot Nmi"},
		redfishStep, ipmiStep,
		{Text: "Blades: Onboard Administrator, the server, its iLO. Some boards have an NMI switch."},
	}, []string{"Automatic Server Recovery (ASR): BIOS setup (RBSU), Advanced options, ASR status: disabled", ipmiWatchdog}},
	{windows.Dell, "Dell PowerEdge (iDRAC)", []Step{
		{Text: "iDRAC 7, web: Server, Power/Thermal, Power Configuration, NMI, Apply."},
		{Text: "iDRAC 8 and later, web: Power, NMI (Non-Masking Interrupt).", Manual: true},
		redfishStep, ipmiStep,
	}, []string{"OS watchdog / automatic system recovery: iDRAC or OpenManage, auto recovery: none", ipmiWatchdog}},
	{windows.Lenovo, "Lenovo ThinkSystem (XCC)", []Step{
		redfishStep, ipmiStep,
		{Text: "XCC, web: power actions, Trigger NMI.", Manual: true},
	}, []string{"OS watchdog: XCC, Server timeouts", ipmiWatchdog}},
	{windows.IBM, "IBM/Lenovo System x (IMM)", []Step{
		{Text: "NMI button on the front or the light path panel."},
		ipmiStep,
	}, []string{"OS watchdog: IMM, Server timeouts", ipmiWatchdog}},
	{windows.Cisco, "Cisco UCS", []Step{
		{Text: "UCS Manager: the server, Server Maintenance, Diagnostic Interrupt.", Manual: true},
		{Text: "UCS Manager, command line, in the server's scope.", Where: "UCS Manager, SSH", Command: "diagnostic-interrupt", Manual: true},
		{Text: "CIMC, with IPMI over LAN enabled.", Where: ipmiStep.Where, Command: ipmiStep.Command, Manual: true},
	}, []string{ipmiWatchdog}},
	{windows.Supermicro, "Supermicro", []Step{ipmiStep, redfishStep, {Text: "Some boards have an NMI button."}}, []string{ipmiWatchdog}},
	{windows.Fujitsu, "Fujitsu PRIMERGY (iRMC)", []Step{
		{Text: "iRMC, web: Power, Pulse NMI.", Manual: true}, ipmiStep,
	}, []string{"ASR&R: iRMC, server management settings", ipmiWatchdog}},
	{windows.Egenera, "Egenera", []Step{
		{Text: "From the frame's control blade.", Where: "control blade, SSH", Command: "blade -n <frame>/<pserver>"},
	}, nil},
	{windows.GenericIPMI, "server with a BMC", []Step{ipmiStep, freeIPMIStep, redfishStep}, []string{
		"automatic server restart in firmware setup or the BMC", ipmiWatchdog}},
	{windows.Laptop, "laptop or tablet", nil, nil},
	{windows.Surface, "Surface", nil, nil},
	{windows.PC, "PC or workstation", []Step{
		{Text: "NMI header or jumper, if the board's manual names one."},
	}, nil},
}

// unknownPlace is what is said about a machine nobody knows.
var unknownPlace = place{windows.UnknownPlace, "unknown machine", []Step{ipmiStep, redfishStep, libvirtSteps[0]}, []string{ipmiWatchdog, clusterWatchdog}}

// PlatformInfo is a platform that --platform takes.
type PlatformInfo struct{ ID, Name string }

// Platforms lists them.
func Platforms() []PlatformInfo {
	var out []PlatformInfo
	for _, p := range places {
		out = append(out, PlatformInfo{p.id, p.name})
	}
	return out
}

// platformAliases are other names people have for a platform.
var platformAliases = map[string]string{
	"esx": windows.VMware, "esxi": windows.VMware, "vsphere": windows.VMware,
	"hyper-v": windows.HyperV, "vbox": windows.VirtualBox, "xcp-ng": windows.Xen, "xenserver": windows.Xen,
	"qemu": windows.KVM, "qemu-kvm": windows.KVM, "libvirt": windows.KVM, "proxmox": windows.KVM,
	"ec2": windows.AWS, "gce": windows.GCP, "ahv": windows.Nutanix,
	"hp": windows.HPE, "hpe": windows.HPE, "ilo": windows.HPE, "dell": windows.Dell, "idrac": windows.Dell,
	"lenovo": windows.Lenovo, "xcc": windows.Lenovo, "ibm": windows.IBM, "imm": windows.IBM,
	"ucs": windows.Cisco, "cimc": windows.Cisco, "irmc": windows.Fujitsu,
	"bmc": windows.GenericIPMI, "redfish": windows.GenericIPMI, "server": windows.GenericIPMI,
	"tablet": windows.Laptop, "workstation": windows.PC,
}

// findPlace finds a platform by its id or another name for it, in any case.
func findPlace(name string) (place, bool) {
	id := strings.ToLower(name)
	if alias, ok := platformAliases[id]; ok {
		id = alias
	}
	for _, p := range places {
		if p.id == id {
			return p, true
		}
	}
	return unknownPlace, id == windows.UnknownPlace
}
