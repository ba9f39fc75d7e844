package crashconfig

import (
	"fmt"
	"strings"

	"hangkit/offline/windows"
)

// ruleSDDisk: where Windows has seen no other fixed disk, it runs from the one on the SD bus.
func ruleSDDisk(f *windows.Facts) (Finding, bool) {
	if f.Storage.SDDisks == 0 || f.SDBusParameter.Is(windows.ForceF0State, 1) {
		return nothing()
	}
	detail := `On an SD or eMMC disk Windows writes minidumps only, unless Services\sdbus\Parameters\ForceF0State is 1.`
	if f.Storage.FixedDisks == 0 {
		return say(Loss, "Windows runs from an SD or eMMC disk", "It has seen no other fixed disk. "+detail, fixArm)
	}
	return say(Risk, "Windows may run from an SD or eMMC disk", "It has seen such a disk and others. "+detail, fixArm)
}

func ruleForeignController(f *windows.Facts) (Finding, bool) {
	var list []string
	for _, c := range f.Storage.Controllers {
		if c.Boot && c.Foreign() && !c.VirtIO() {
			list = append(list, controllerName(c))
		}
	}
	if len(list) == 0 {
		return nothing()
	}
	return say(Risk, "The disk driver did not come with Windows",
		fmt.Sprintf("%s. A copy of it writes the dump; whether it can, its vendor knows.", strings.Join(list, "; ")),
		"update the driver; crash the machine once as a test")
}

// controllerName names a driver for people. The names come from the disk: quoted, nothing in them can mislead.
func controllerName(c windows.Controller) string {
	name := fmt.Sprintf("%q", c.Service)
	if c.Version != "" {
		name += fmt.Sprintf(" version %q", c.Version)
	}
	if c.Provider != "" {
		name += fmt.Sprintf(" of %q", c.Provider)
	}
	return name
}

// ruleUnusualBoot: Windows starts from something else than a plain local disk.
func ruleUnusualBoot(f *windows.Facts) (Finding, bool) {
	var why []string
	if f.Control.Or("PortableOperatingSystem", 0) != 0 {
		why = append(why, "it is a Windows To Go, on USB (PortableOperatingSystem is 1)")
	}
	for _, s := range bootBuses {
		if start, ok := f.Services[s.service]; ok && start == 0 {
			why = append(why, fmt.Sprintf("service %s is loaded at boot, as for a start from %s", s.service, s.bus))
		}
	}
	if f.Volume.Dynamic {
		why = append(why, "its volume is part of a dynamic disk or a storage pool")
	}
	if len(why) == 0 {
		return nothing()
	}
	return say(Risk, "Windows may not start from a plain local disk",
		sentence(strings.Join(why, "; "))+"Whether a dump can be written there varies.",
		"on a plain local disk: "+dedicatedOn(f, ""))
}

// bootBuses are services that are loaded at boot only where Windows starts from what they reach.
var bootBuses = []struct{ service, bus string }{{"USBSTOR", "USB"}, {"UASPStor", "USB"}, {"iScsiPrt", "iSCSI"}}

var writeFilters = []string{"uwfvol", "fbwf", "ewf"}

func ruleWriteFilter(f *windows.Facts) (Finding, bool) {
	for _, name := range writeFilters {
		if f.ServiceActive(name) {
			return say(Loss, "A write filter is active",
				fmt.Sprintf("Service %s discards what was written when the machine restarts: page file and dump with it.", name),
				"disable the write filter, or put the dump on an unprotected volume")
		}
	}
	return nothing()
}

// virtIOFixed is the first build of the virtio-win drivers without the fault that spoiled crash dumps: vioscsi could not
// write them up to build 221 (kvm-guest-drivers-windows, issue 809, mended in August 2022).
const virtIOFixed = 222

func ruleVirtIO(f *windows.Facts) (Finding, bool) {
	for _, c := range f.Storage.Controllers {
		if !c.VirtIO() || c.VirtIOBuild() >= virtIOFixed {
			continue
		}
		return say(Risk, "The VirtIO disk driver may spoil the dump",
			fmt.Sprintf("%s: builds before %d are known to break off crash dumps or to leave a damaged file.", controllerName(c), virtIOFixed),
			"install current virtio-win drivers; crash the machine once as a test")
	}
	return nothing()
}

func ruleReportingOff(f *windows.Facts) (Finding, bool) {
	p, ok := f.DumpFile()
	off := f.ErrorReporting.Is("Disabled", 1) || f.ErrorReportingPolicy.Is("Disabled", 1)
	if !off || !ok || !usesDumpFile(f) || f.OnSystemVolume(p) {
		return nothing()
	}
	return say(Risk, "Nobody may copy the dump to its place",
		fmt.Sprintf("Windows Error Reporting is switched off, and it is what copies the dump to %s.", p), fixArm+" --dump-file "+DefaultPlace)
}

// Values of FullLiveKernelReports.
const (
	fullReportsMax    = "FullLiveReportsMax"
	systemThrottle    = "SystemThrottleThreshold"
	componentThrottle = "ComponentThrottleThreshold"
)

func ruleLiveDumps(f *windows.Facts) (Finding, bool) {
	v := f.FullLiveReports
	var why []string
	if v.Is(fullReportsMax, 0) && f.AtLeast(windows.Build1803) {
		why = append(why, fullReportsMax+" is 0: none is kept")
	}
	for _, name := range []string{systemThrottle, componentThrottle} {
		if n, ok := v.DWORD(name); ok && n != 0 {
			why = append(why, fmt.Sprintf("%s is %d: at most one in so many hours", name, n))
		}
	}
	if len(why) == 0 {
		return nothing()
	}
	return say(Note, "Live dumps are off or throttled", sentence(strings.Join(why, "; "))+"A crash dump is not affected.",
		"set the thresholds to 0 by hand if live dumps are wanted")
}
