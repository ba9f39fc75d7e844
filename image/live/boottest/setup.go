//go:build linux

package boottest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// Firmware is what starts the medium.
type Firmware string

// The firmwares of PCs. UEFI alone is also that of the arm64 machine.
const (
	BIOS       Firmware = "BIOS"
	UEFI       Firmware = "UEFI"
	SecureBoot Firmware = "UEFI+SB"
)

// Firmwares are all of them.
func Firmwares() []Firmware { return []Firmware{BIOS, UEFI, SecureBoot} }

// Medium is what the file is to the machine.
type Medium string

// The two kinds of media that one hybrid file must serve.
const (
	CD  Medium = "CD"
	USB Medium = "USB"
)

// Media are both.
func Media() []Medium { return []Medium{CD, USB} }

// Bus is what a disk is attached to.
type Bus string

// The buses that disks of real machines are found on.
const (
	NVMe    Bus = "nvme"
	AHCI    Bus = "ahci"
	Virtio  Bus = "virtio"
	USBDisk Bus = "usb"
)

// Buses are all of them.
func Buses() []Bus { return []Bus{NVMe, AHCI, Virtio, USBDisk} }

// Setup is one machine, before it is switched on.
type Setup struct {
	ARM64    bool     // QEMU's virt machine instead of a PC
	Firmware Firmware // of a PC; the arm64 machine has UEFI
	Medium   Medium
	File     string // what image live made
	Keep     bool   // writes to the medium reach the file
	Run      string // unattended commands, given by fw_cfg
	Hasty    bool   // they wait for disks as long as the live system does by itself
	Memory   int    // MiB, DefaultMemory if 0
	Disks    []Attached
	Resume   string    // file that QMP.Save saved the state of such a machine in
	Verbose  io.Writer // gets the console while it runs, if set
}

// DefaultMemory is enough for every firmware. OVMF with System Management Mode needs more
// than the live system itself.
const DefaultMemory = 768

// diskPatience is how many seconds an unattended run waits for disks. On a busy host the
// half minute of the live system passes before its drivers are loaded.
const diskPatience = "180"

// Attached is a disk of the machine.
type Attached struct {
	File      string
	Bus       Bus
	WriteIOPS int    // no more writes a second than these, if set
	WriteLog  string // file that blklogwrites records the order of writes in, if set
}

// arguments are QEMU's. The chardevs console and qmp are to be given beside them.
func (s *Setup) arguments(dir string) ([]string, error) {
	args := []string{
		"-nodefaults", "-no-user-config", "-accel", "tcg", "-smp", "1", "-m", strconv.Itoa(s.memory()),
		"-display", "none", "-nic", "none", "-no-reboot", "-serial", "chardev:console",
		"-device", "qemu-xhci,id=xhci", // before what is attached to it
	}
	firmware, err := s.firmware(dir)
	if err != nil {
		return nil, err
	}
	args = append(args, firmware...)
	args = append(args, s.medium()...)
	for i, d := range s.Disks {
		args = append(args, d.arguments(i, s.ARM64)...)
	}
	if s.Run != "" {
		args = append(args, "-fw_cfg", "name=opt/hangkit/run,string="+comma(s.Run))
		if !s.Hasty {
			args = append(args, "-fw_cfg", "name=opt/hangkit/wait,string="+diskPatience)
		}
	}
	if s.Resume != "" {
		args = append(args, "-incoming", "exec:cat '"+s.Resume+"'")
	}
	return args, nil
}

func (s *Setup) memory() int {
	if s.Memory != 0 {
		return s.Memory
	}
	return DefaultMemory
}

// comma doubles commas, as QEMU's option syntax wants them.
func comma(value string) string {
	var out []byte
	for _, b := range []byte(value) {
		if b == ',' {
			out = append(out, b)
		}
		out = append(out, b)
	}
	return string(out)
}

// Where Debian's ovmf and qemu-efi-aarch64 put the firmware. VARS…ms has Microsoft's
// keys enrolled, which is Secure Boot as PCs come with it.
const (
	ovmf  = "/usr/share/OVMF"
	aavmf = "/usr/share/AAVMF"
)

// firmware chooses the machine and what it starts with. The variables are a copy.
func (s *Setup) firmware(dir string) ([]string, error) {
	switch {
	case s.ARM64:
		args, err := flash(dir, filepath.Join(aavmf, "AAVMF_CODE.fd"), filepath.Join(aavmf, "AAVMF_VARS.fd"))
		return append(args, "-M", "virt", "-cpu", "cortex-a57", "-device", "ramfb", "-device", "usb-kbd,bus=xhci.0"), err
	case s.Firmware == UEFI:
		args, err := flash(dir, filepath.Join(ovmf, "OVMF_CODE_4M.fd"), filepath.Join(ovmf, "OVMF_VARS_4M.fd"))
		return append(args, "-machine", "q35", "-cpu", "max", "-vga", "std"), err
	case s.Firmware == SecureBoot:
		args, err := flash(dir, filepath.Join(ovmf, "OVMF_CODE_4M.secboot.fd"), filepath.Join(ovmf, "OVMF_VARS_4M.ms.fd"))
		return append(args, "-machine", "q35,smm=on", "-cpu", "max", "-vga", "std",
			"-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"), err
	default:
		return []string{"-machine", "q35", "-cpu", "max", "-vga", "std"}, nil
	}
}

func flash(dir, code, vars string) ([]string, error) {
	data, err := os.ReadFile(vars)
	if err != nil {
		return nil, fmt.Errorf("firmware variables: %w", err)
	}
	own := filepath.Join(dir, "vars.fd")
	if err := os.WriteFile(own, data, 0o600); err != nil {
		return nil, fmt.Errorf("firmware variables: %w", err)
	}
	return []string{
		"-drive", "if=pflash,format=raw,unit=0,readonly=on,file=" + comma(code),
		"-drive", "if=pflash,format=raw,unit=1,file=" + comma(own),
	}, nil
}

// medium attaches the file. A stick can be written to, but what is written goes to the
// file only if it is to be kept.
func (s *Setup) medium() []string {
	if s.Medium == CD {
		device := "ide-cd,bus=ide.5,drive=medium,bootindex=0" // the last port: disks have the first
		if s.ARM64 {
			device = "usb-storage,bus=xhci.0,drive=medium,bootindex=0" // this machine has no AHCI
		}
		return []string{"-drive", "if=none,id=medium,media=cdrom,readonly=on,format=raw,file=" + comma(s.File), "-device", device}
	}
	snapshot := "on"
	if s.Keep {
		snapshot = "off"
	}
	return []string{
		"-drive", "if=none,id=medium,format=raw,snapshot=" + snapshot + ",file=" + comma(s.File),
		"-device", "usb-storage,bus=xhci.0,drive=medium,removable=on,bootindex=0",
	}
}

// arguments attaches the disk. What the guest has written reaches the file's page cache
// at once, so it survives the death of QEMU in its order.
func (a *Attached) arguments(n int, arm64 bool) []string {
	id := fmt.Sprintf("disk%d", n)
	node := fmt.Sprintf("driver=raw,node-name=%s-raw,file.driver=file,file.filename=%s", id, comma(a.File))
	args := []string{"-blockdev", node}
	top := id + "-raw"
	if a.WriteLog != "" {
		args = append(args, "-blockdev", fmt.Sprintf("driver=blklogwrites,node-name=%s-log,file=%s,log.driver=file,log.filename=%s,log-sector-size=512",
			id, top, comma(a.WriteLog)))
		top = id + "-log"
	}
	if a.WriteIOPS != 0 {
		args = append(args, "-object", fmt.Sprintf("throttle-group,id=%s-slow,x-iops-write=%d", id, a.WriteIOPS),
			"-blockdev", fmt.Sprintf("driver=throttle,node-name=%s-throttle,throttle-group=%s-slow,file=%s", id, id, top))
		top = id + "-throttle"
	}
	return append(args, a.device(n, id, top, arm64)...)
}

func (a *Attached) device(n int, id, node string, arm64 bool) []string {
	at := fmt.Sprintf(",id=%s,drive=%s,bootindex=%d", id, node, n+1)
	switch a.Bus {
	case NVMe:
		return []string{"-device", "nvme,serial=SAMPLE" + strconv.Itoa(n) + at}
	case USBDisk:
		return []string{"-device", "usb-storage,bus=xhci.0" + at}
	case Virtio:
		return []string{"-device", "virtio-blk-pci" + at}
	default:
		if arm64 { // the virt machine has no AHCI of its own
			return []string{"-device", fmt.Sprintf("ahci,id=ahci%d", n), "-device", fmt.Sprintf("ide-hd,bus=ahci%d.0", n) + at}
		}
		return []string{"-device", fmt.Sprintf("ide-hd,bus=ide.%d", n) + at} // each port is a bus, and QEMU chooses none
	}
}
