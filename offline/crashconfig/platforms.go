package crashconfig

import (
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// Step is one thing to do.
type Step struct {
	Text    string // what to do, or what the command does; empty where the command goes on from the one before
	Command string // to paste, in one line, with <placeholders>; may be empty
	Where   string // where the command runs: "ESXi host, SSH"; may be empty
	Manual  bool   // no document confirms it: check your manual
	// only are the other names of the platform that the step is for, if not for all of them.
	only string
}

// place is what a platform is called, how it is sent an NMI, and what gets in the way.
type place struct {
	id    string
	name  string
	also  string // other names it can be asked for by
	nmi   []Step
	watch []Step // what may reset the machine before or during the dump, and where to switch it off
	// none is what to do where no way to send an NMI is known.
	none string
	// memory are ways to take the machine's memory without the help of Windows.
	memory []Step
}

// Where the commands of the larger groups run.
const (
	reachesBMC  = "any machine that reaches the BMC"
	libvirtHost = "virtualization host"
	esxiHost    = "ESXi host, SSH"
	hyperVHost  = "Hyper-V host, elevated PowerShell"
)

// Steps that several platforms share. DMTF's Redfish specification has ResetType Nmi in the action ComputerSystem.Reset,
// IPMI 2.0 the chassis control command "pulse diagnostic interrupt".
var (
	redfishSteps = []Step{
		{Text: "Redfish: find the system's id; curl asks for the password.", Where: reachesBMC, only: "redfish",
			Command: `curl -sku <user> https://<bmc>/redfish/v1/Systems`},
		{Text: "See that ResetType@Redfish.AllowableValues holds Nmi.", Where: reachesBMC, only: "redfish",
			Command: `curl -sku <user> https://<bmc>/redfish/v1/Systems/<id>`},
		{Text: "Then send it.", Where: reachesBMC, only: "redfish",
			Command: `curl -sku <user> -H 'Content-Type: application/json' -d '{"ResetType":"Nmi"}' https://<bmc>/redfish/v1/Systems/<id>/Actions/ComputerSystem.Reset`},
	}
	ipmiStep = Step{Text: "IPMI over LAN; the password comes from the variable IPMI_PASSWORD.", Where: reachesBMC, only: "ipmi",
		Command: "ipmitool -I lanplus -H <bmc> -U <user> -E chassis power diag"}
	freeIPMISteps = []Step{
		{Text: "The same with FreeIPMI.", Where: reachesBMC, only: "ipmi", Command: "ipmipower -h <bmc> -u <user> -P --pulse-diag-interrupt"},
		{Text: "Or with ipmi-chassis.", Where: reachesBMC, only: "ipmi", Command: "ipmi-chassis -h <bmc> -u <user> -P --chassis-control=DIAGNOSTIC-INTERRUPT"},
	}
	ipmiWatchdog = []Step{
		{Text: "The BMC's own watchdog: see whether it runs.", Where: reachesBMC, Command: "ipmitool -I lanplus -H <bmc> -U <user> -E mc watchdog get"},
		{Text: "And switch it off.", Where: reachesBMC, Command: "ipmitool -I lanplus -H <bmc> -U <user> -E mc watchdog off"},
	}
	rebootOnNMI = Step{Text: "In the firmware's setup: any option to reboot on an NMI."}
	libvirtStep = Step{Text: "libvirt.", Where: libvirtHost, Command: "virsh inject-nmi <domain>", only: "libvirt virsh"}
	kvmWatchdog = []Step{
		{Text: "In the domain's XML: a <watchdog> device (i6300esb, diag288).", Manual: true},
		{Text: "<on_crash>destroy or restart with a pvpanic device: make it <on_crash>preserve, or update the guest's pvpanic driver."},
		{Text: "The Hyper-V enlightenment hv-crash (QEMU's CPU flag): with it QEMU stops the guest before Windows can write its dump. Remove it."},
	}
	clusterWatchdog = Step{Text: "High availability that watches the guest's heartbeat: suspend it for this virtual machine.", Manual: true}
	virshDump       = Step{Text: "libvirt, as a dump that WinDbg reads (the guest needs the vmcoreinfo device and its driver).", Where: libvirtHost,
		Command: "virsh dump --memory-only --format=win-dmp <domain> <file>", Manual: true}
)

// manual marks steps that no document confirms on some platform.
func manual(list ...Step) []Step {
	out := slices.Clone(list)
	for i := range out {
		out[i].Manual = true
	}
	return out
}

// places lists every platform, in the order of --platform's help.
var places = []place{
	{id: windows.VMware, name: "VMware", also: "esxi esx vsphere vcenter vmware-workstation fusion",
		nmi: []Step{
			{Text: "ESXi: find the virtual machine's world id.", Where: esxiHost, Command: "vmdumper -l", only: "esxi"},
			{Text: "The world id is also shown by this one.", Where: esxiHost, Command: "esxcli vm process list", only: "esxi"},
			{Text: "Then send the NMI.", Where: esxiHost, Command: "vmdumper <world-id> nmi", only: "esxi"},
			{Text: "vSphere API: the method SendNMI of VirtualMachine (govc has no command for it). From PowerCLI.", Where: "PowerShell with PowerCLI",
				Command: `(Get-VM -Name '<vm>').ExtensionData.SendNMI()`, Manual: true, only: "vsphere vcenter"},
			{Text: "Old vSphere Client: File, Export, Export System Logs, HungVM; tick Send_NMI_To_Guest only, neither Coredump_VM nor Suspend_VM: on a hung machine they time out, and trying again sends a second NMI.", only: "vsphere vcenter"},
			{Text: "Classic ESX: find the world id.", Where: "ESX service console, SSH", Command: "vm-support -x", only: "esx"},
			{Text: "Then send the NMI.", Where: "ESX service console, SSH", Command: "/usr/lib/vmware/bin/vmdumper <world-id> nmi", only: "esx"},
			{Text: "Workstation, Player and Fusion: no public way to send an NMI is known. Use the keyboard.", Manual: true, only: "vmware-workstation fusion"},
		},
		watch: []Step{{Text: "vSphere HA, VM Monitoring: disable it for this virtual machine.", Manual: true}},
		memory: []Step{{Text: "Suspend it, or take a snapshot with its memory; copy the .vmss (or .vmsn) and .vmem; then convert.", Where: "any machine",
			Command: "vmss2core -W8 <file.vmss>", Manual: true}}},
	{id: windows.HyperV, name: "Hyper-V", also: "hyper-v microsoft",
		nmi: []Step{
			{Text: "Hosts from Windows 8.1 and Server 2012 R2 on.", Where: hyperVHost, Command: `Debug-VM -Name "<vm>" -InjectNonMaskableInterrupt -Force`},
			{Text: "From another machine.", Where: hyperVHost, Command: `Debug-VM -Name "<vm>" -InjectNonMaskableInterrupt -Force -ComputerName <host>`},
		},
		watch:  []Step{{Text: "Failover cluster, heartbeat recovery of the virtual machine: suspend it.", Manual: true}},
		memory: []Step{{Text: "A checkpoint with the machine's memory, or its saved state, holds everything; tools to make a dump of it depend on the host's version.", Manual: true}}},
	{id: windows.Azure, name: "Azure", also: "microsoft-azure",
		nmi: []Step{
			{Text: "Portal: the machine's Serial console, keyboard icon, Send NMI (boot diagnostics must be on)."},
			{Text: "Azure CLI with the extension serial-console; --instance-id <n> for a member of a scale set.", Where: "Azure CLI",
				Command: "az serial-console send nmi -g <group> -n <vm>"},
		},
		watch: []Step{{Text: "Scale sets: automatic repair of unhealthy members.", Manual: true}}},
	{id: windows.KVM, name: "KVM, QEMU, libvirt, Proxmox, Cockpit", also: "qemu libvirt proxmox cockpit qemu-kvm pve ovirt rhv virsh",
		nmi: []Step{
			libvirtStep,
			{Text: "QEMU through libvirt.", Where: libvirtHost, Command: virshQMP(`{"execute":"inject-nmi"}`), only: "libvirt virsh"},
			{Text: "Plain QEMU, once qmp_capabilities has been sent.", Where: "QMP socket", Command: `{"execute":"inject-nmi"}`, only: "qemu"},
			{Text: "Plain QEMU, at the monitor.", Where: "QEMU monitor", Command: "nmi", only: "qemu"},
			{Text: "Proxmox VE: type nmi at its prompt, then quit.", Where: "Proxmox host", Command: "qm monitor <vmid>", Manual: true, only: "proxmox pve"},
			{Text: "Cockpit: the virtual machine's menu, Send non-maskable interrupt.", only: "cockpit"},
			{Text: "oVirt and RHV: on the host that runs the machine, with virsh.", Where: libvirtHost, Command: "virsh inject-nmi <domain>", Manual: true, only: "ovirt rhv"},
		},
		watch: kvmWatchdog, memory: []Step{virshDump}},
	{id: windows.KubeVirt, name: "KubeVirt", also: "openshift-virtualization harvester",
		nmi: []Step{{Text: "Inside the virtual machine's launcher pod.", Where: "kubectl exec", Command: "virsh inject-nmi <domain>", Manual: true}}, watch: kvmWatchdog},
	{id: windows.OpenStack, name: "OpenStack", also: "nova ironic",
		nmi: []Step{
			{Text: "Nova, API 2.17 or later.", Where: "OpenStack client", Command: "openstack server dump create <server>", only: "nova"},
			{Text: "The same with the older client.", Where: "nova client", Command: "nova trigger-crash-dump <server>", only: "nova"},
			{Text: "Ironic, for bare metal.", Where: "OpenStack client", Command: "openstack baremetal node inject nmi <node>", only: "ironic"},
		},
		watch: kvmWatchdog},
	{id: windows.VirtualBox, name: "VirtualBox", also: "vbox oracle-vm-virtualbox",
		nmi: []Step{{Text: "On the host.", Where: "VirtualBox host", Command: `VBoxManage debugvm "<vm>" injectnmi`}},
		memory: []Step{{Text: "An ELF file with the machine's memory.", Where: "VirtualBox host",
			Command: `VBoxManage debugvm "<vm>" dumpvmcore --filename=<file>`, Manual: true}}},
	{id: windows.Xen, name: "Xen, XCP-ng, XenServer", also: "xcp-ng xenserver citrix-hypervisor xl",
		nmi: []Step{
			{Text: "XCP-ng and XenServer: find the domain's number.", Where: "dom0", Command: "xe vm-param-get uuid=<uuid> param-name=dom-id"},
			{Text: "Then send the NMI.", Where: "dom0", Command: "xl trigger <domid> nmi"},
		},
		watch:  []Step{clusterWatchdog},
		memory: []Step{{Text: "The domain's memory as an ELF file.", Where: "dom0", Command: "xl dump-core <domid> <file>", Manual: true}}},
	{id: windows.AWS, name: "Amazon EC2 (Nitro)", also: "ec2 amazon",
		nmi: []Step{
			{Text: "Nitro instances, metal ones too, but not A1.", Where: "AWS CLI", Command: "aws ec2 send-diagnostic-interrupt --instance-id <instance-id>"},
			{Text: "The same in PowerShell.", Where: "AWS Tools for PowerShell", Command: "Send-EC2DiagnosticInterrupt -InstanceId <instance-id>"},
		},
		watch: []Step{{Text: "Auto Scaling health checks and automatic recovery: suspend them for this instance.", Manual: true}}},
	{id: windows.AWSXen, name: "Amazon EC2 (Xen)", also: "ec2-xen",
		none: "EC2 sends one to Nitro instances only, and this one runs on Xen. Change it to a Nitro type while it is stopped, if its drivers allow that, and wait for the next hang."},
	{id: windows.GCP, name: "Google Cloud", also: "gce google",
		nmi: []Step{
			{Text: "gcloud, an alpha command.", Where: "gcloud", Command: "gcloud alpha compute instances send-diagnostic-interrupt <name> --zone <zone>"},
			{Text: "In the API: instances.sendDiagnosticInterrupt."},
		},
		watch: []Step{{Text: "Autohealing of a managed instance group: suspend it.", Manual: true}}},
	{id: windows.OCI, name: "Oracle Cloud", also: "oracle oracle-cloud",
		nmi: []Step{{Text: "OCI CLI.", Where: "OCI CLI", Command: "oci compute instance action --action SENDDIAGNOSTICINTERRUPT --instance-id <ocid>"}}},
	{id: windows.Bhyve, name: "bhyve", also: "freebsd",
		nmi: []Step{{Text: "On the host.", Where: "bhyve host", Command: "bhyvectl --vm=<vm> --inject-nmi"}}},
	{id: windows.Nutanix, name: "Nutanix AHV", also: "ahv", none: "It is built on KVM: ask Nutanix' support. Else use the keyboard.", watch: []Step{clusterWatchdog}},
	{id: windows.Alibaba, name: "Alibaba Cloud", also: "aliyun ecs", none: "Use the keyboard, through the provider's console."},
	{id: windows.Parallels, name: "Parallels", also: "parallels-desktop", none: "Use the keyboard."},
	{id: windows.HPE, name: "HP/HPE ProLiant (iLO)", also: "ilo ilo2 ilo3 ilo4 ilo5 ilo6 hp hpe proliant synergy onboard-administrator",
		nmi:   slices.Concat([]Step{{Text: "iLO 5 and 6, web: Diagnostics (or Information, Diagnostics), Generate NMI.", only: "ilo5 ilo6"}, {Text: "iLO 2 to 4, web: Information, Diagnostics, Generate NMI to System.", only: "ilo2 ilo3 ilo4"}, {Text: "Blades: Onboard Administrator, the server, its iLO.", only: "onboard-administrator"}, {Text: "iLO over SSH.", Where: "iLO, SSH", Command: "nmi server"}, {Text: "iLO 4 and later: the iLO REST tool.", Where: "iLO REST tool", Command: "ilorest login <ilo> -u <user> -p <password>", only: "ilo4 ilo5 ilo6"}, {Where: "iLO REST tool", Command: "ilorest reboot Nmi", only: "ilo4 ilo5 ilo6"}}, redfishFor("ilo4 ilo5 ilo6"), ipmiFor(""), []Step{{Text: "On the board: the NMI jumper or switch of the service guide."}}),
		watch: slices.Concat([]Step{{Text: "Automatic Server Recovery (ASR): firmware setup (RBSU), Advanced, ASR: disabled; or in the management agent."}, rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Dell, name: "Dell PowerEdge (iDRAC)", also: "idrac idrac7 idrac8 idrac9 idrac10 dell poweredge vxrail",
		nmi:   slices.Concat([]Step{{Text: "iDRAC 7, web: Server, Power/Thermal, Power Configuration, NMI, Apply.", only: "idrac7"}, {Text: "iDRAC 8 and later, web: Dashboard or virtual console, Power, NMI (Non-Masking Interrupt).", Manual: true, only: "idrac8 idrac9 idrac10"}}, redfishFor("idrac8 idrac9 idrac10"), ipmiFor("")),
		watch: slices.Concat([]Step{{Text: "OS watchdog and automatic system recovery: iDRAC or OpenManage, auto recovery: none."}, rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Lenovo, name: "Lenovo ThinkSystem (XCC)", also: "xcc lenovo thinksystem thinkagile",
		nmi:   slices.Concat([]Step{{Text: "XCC, web: power actions, Trigger NMI.", Manual: true}}, redfishFor(""), ipmiFor("")),
		watch: slices.Concat([]Step{{Text: "OS watchdog: XCC, Server timeouts."}, rebootOnNMI}, ipmiWatchdog)},
	{id: windows.IBM, name: "IBM/Lenovo System x (IMM)", also: "imm ibm system-x bladecenter",
		nmi:   slices.Concat([]Step{{Text: "The NMI button on the front or the light path panel, once ASR is off."}}, ipmiFor("")),
		watch: slices.Concat([]Step{{Text: "OS watchdog: IMM, Server timeouts."}, rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Cisco, name: "Cisco UCS", also: "ucs ucsm cimc",
		nmi:   slices.Concat([]Step{{Text: "UCS Manager: the server, Server Maintenance, Diagnostic Interrupt.", Manual: true, only: "ucsm"}, {Text: "UCS Manager, command line, in the server's scope.", Where: "UCS Manager, SSH", Command: "diagnostic-interrupt", Manual: true, only: "ucsm"}}, manual(ipmiFor("cimc")...), manual(redfishFor("cimc")...)),
		watch: slices.Concat([]Step{rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Supermicro, name: "Supermicro", also: "super-micro",
		nmi:   slices.Concat(ipmiFor(""), redfishFor(""), []Step{{Text: "Some boards have an NMI button.", Manual: true}}),
		watch: slices.Concat([]Step{rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Fujitsu, name: "Fujitsu PRIMERGY (iRMC)", also: "irmc primergy primequest",
		nmi:   slices.Concat([]Step{{Text: "iRMC, web: Power, Pulse NMI.", Manual: true}}, ipmiFor("")),
		watch: slices.Concat([]Step{{Text: "ASR&R: iRMC, server management settings.", Manual: true}, rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Egenera, name: "Egenera", also: "pserver",
		nmi: []Step{{Text: "From the frame's control blade.", Where: "control blade, SSH", Command: "blade -n <frame>/<pserver>"}}},
	{id: windows.GenericIPMI, name: "server with a BMC", also: "ipmi-generic server server-generic bmc redfish quanta inspur huawei gigabyte asrockrack tyan intel",
		nmi:   slices.Concat([]Step{ipmiStep}, freeIPMISteps, redfishSteps),
		watch: slices.Concat([]Step{{Text: "Automatic server restart: firmware setup or the BMC.", Manual: true}, rebootOnNMI}, ipmiWatchdog)},
	{id: windows.Laptop, name: "laptop or tablet", also: "tablet notebook", none: "Use the power button or the keyboard."},
	{id: windows.Surface, name: "Surface", none: "Use the power button or the keyboard."},
	{id: windows.PC, name: "PC or workstation", also: "workstation desktop",
		nmi: []Step{{Text: "The NMI header or jumper, if the board's manual names one."}}},
}

// redfishFor and ipmiFor are the general steps, for these names of a platform only; "" means all of them.
func redfishFor(names string) []Step { return narrowed(names, redfishSteps...) }
func ipmiFor(names string) []Step    { return narrowed(names, ipmiStep) }

func narrowed(names string, list ...Step) []Step {
	out := slices.Clone(list)
	for i := range out {
		out[i].only = names
	}
	return out
}

// unknownPlace is what is said about a machine nobody knows.
var unknownPlace = place{id: windows.UnknownPlace, name: "unknown machine",
	nmi:   slices.Concat(ipmiFor(""), redfishFor(""), narrowed("", libvirtStep)),
	watch: []Step{rebootOnNMI, clusterWatchdog}}

// names are all the names a place can be asked for by.
func (p place) names() []string { return append([]string{p.id}, strings.Fields(p.also)...) }

// as leaves out the steps that are for other names of the platform. Its own id, and a name that no step mentions, leave
// them all.
func (p place) as(name string) place {
	if name == p.id {
		return p
	}
	mentions := func(s Step) bool { return slices.Contains(strings.Fields(s.only), name) }
	if !slices.ContainsFunc(p.nmi, mentions) {
		return p
	}
	p.nmi = slices.DeleteFunc(slices.Clone(p.nmi), func(s Step) bool { return s.only != "" && !mentions(s) })
	return p
}

// PlatformInfo is a platform, or a way to crash any machine, that --platform takes.
type PlatformInfo struct {
	ID, Name string
	Also     []string // other names
}

// Platforms lists the kinds of machine.
func Platforms() []PlatformInfo {
	var out []PlatformInfo
	for _, p := range places {
		out = append(out, PlatformInfo{p.id, p.name, p.names()[1:]})
	}
	return out
}

// Ways lists the ways to crash, or to look into, machines of every kind.
func Ways() []PlatformInfo {
	var out []PlatformInfo
	for _, w := range ways {
		out = append(out, PlatformInfo{w.id, w.name, strings.Fields(w.also)})
	}
	return out
}

// findPlace finds a platform by its id or another name for it, in any case.
func findPlace(name string) (place, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for _, p := range places {
		if slices.Contains(p.names(), name) {
			return p.as(name), true
		}
	}
	return unknownPlace, name == windows.UnknownPlace
}
