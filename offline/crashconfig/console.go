package crashconfig

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// noConsole are the clouds whose machines show nobody a keyboard.
var noConsole = []string{windows.Azure, windows.AWS, windows.AWSXen, windows.GCP}

// consoleKeys tells how to send a combination to a virtual machine without touching a keyboard. The keys are held
// between the two strokes of the last one: what lets go of them after each stroke does not work.
func consoleKeys(platform string, c Combination) []Step {
	if slices.Contains(noConsole, platform) {
		return []Step{{Text: "No console with a keyboard of the machine is known in this cloud.", Manual: true}}
	}
	switch platform {
	case windows.VirtualBox:
		return virtualBoxConsole(c)
	case windows.KVM, windows.KubeVirt:
		return qemuConsole(platform, c)
	case windows.HyperV:
		return hyperVConsole(c)
	case windows.VMware:
		return []Step{{Text: "vSphere's USB scan codes (govc vm.keystrokes) let go of the held key after each stroke: use the console's own keyboard, or send an NMI.", Manual: true}}
	case windows.Xen:
		return []Step{{Text: "No command that holds a key is known for Xen: use the console's own keyboard, or send an NMI.", Manual: true}}
	}
	return nil
}

// consolePlatforms are those that consoleKeys has commands for.
var consolePlatforms = []string{windows.VirtualBox, windows.KVM, windows.HyperV, windows.VMware}

// codesPerCommand keeps a command of VBoxManage within a line of 80 characters.
const codesPerCommand = 9

func virtualBoxConsole(c Combination) []Step {
	steps := []Step{{Text: "VirtualBox: right Ctrl is its own host key, so send the codes; what is held stays down from one command to the next."}}
	for _, events := range chunks(c.events(), codesPerCommand) {
		steps = append(steps, Step{Where: "VirtualBox host",
			Command: `VBoxManage controlvm "<vm>" keyboardputscancode` + hexBytes(scanCodesOf(events), " %02x")})
	}
	return steps
}

func hexBytes(b []byte, format string) string {
	var out strings.Builder
	for _, c := range b {
		fmt.Fprintf(&out, format, c)
	}
	return out.String()
}

func virshQMP(command string) string { return "virsh qemu-monitor-command <domain> '" + command + "'" }

// virshKeys send a combination through libvirt. A combination of many keys takes more than one command.
func virshKeys(text, where string, c Combination) []Step {
	var out []Step
	for _, command := range c.QMP() {
		out = append(out, Step{Text: text, Where: where, Command: virshQMP(command)})
		text = ""
	}
	return out
}

func qemuConsole(platform string, c Combination) []Step {
	switch {
	case c.sysRq():
		return []Step{{Text: "QEMU's keyboard lets go of Alt around Print Screen, so it cannot send this combination: send an NMI."}}
	case platform == windows.KubeVirt:
		return manual(virshKeys("Inside the launcher pod.", "kubectl exec", c)...)
	}
	return append(virshKeys("QEMU through libvirt: each key goes down and up on its own.", libvirtHost, c),
		Step{Text: "Plain QEMU takes what stands between the quotes at its QMP socket, once qmp_capabilities has been sent there; on Proxmox the socket is /var/run/qemu-server/<vmid>.qmp.", Manual: true},
		Step{Text: "The monitor's sendkey and virsh send-key do not work: they let go of all keys after each stroke."})
}

// hyperVConsole: TypeScancodes is a method of Msvm_Keyboard ("TypeScancodes method of the Msvm_Keyboard class", Microsoft).
func hyperVConsole(c Combination) []Step {
	const where = "Hyper-V host, elevated PowerShell"
	codes := strings.TrimPrefix(hexBytes(c.ScanCodes(), ",0x%02x"), ",")
	return []Step{
		{Text: "Hyper-V: the keyboard of the virtual machine takes scan codes, with keys held.", Where: where,
			Command: `$vm = Get-CimInstance -Namespace root\virtualization\v2 -ClassName Msvm_ComputerSystem -Filter "ElementName='<vm>'"`},
		{Where: where, Command: `$keyboard = $vm | Get-CimAssociatedInstance -ResultClassName Msvm_Keyboard`},
		{Where: where, Command: `$codes = [byte[]](` + codes + `)`},
		{Where: where, Command: `$keyboard | Invoke-CimMethod -MethodName TypeScancodes -Arguments @{Scancodes=$codes}`},
	}
}
