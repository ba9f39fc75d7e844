package sample

import (
	"fmt"
	"slices"
	"strings"

	"hangkit/offline/windows"
)

// release is one Windows as its setup leaves it.
type release struct {
	name     string // as users say it: "10", "2022"
	build    int
	ubr      int
	product  string
	edition  string
	server   bool
	arches   []string // the usual one first
	dumpType uint32   // CrashDumpEnabled of a fresh installation
	lab      string   // branch and date behind the build
	pack     int      // service pack
	packID   uint32   // its build
	database uint32   // DriverDatabase\Version
}

// Architectures as PROCESSOR_ARCHITECTURE names them.
const (
	AMD64 = "AMD64"
	X86   = "x86"
	ARM64 = "ARM64"
)

// Values of DriverDatabase\Version.
const (
	drivers81 = 0x06030000
	drivers10 = 0x0A000000
)

// releases has the builds most often met of each Windows. Default dump types: as found on the disks
// of such installations.
var releases = []release{
	{name: "xp", build: 2600, product: "Microsoft Windows XP", arches: []string{X86}, dumpType: 3, pack: 3},
	{name: "2003", build: 3790, product: "Microsoft Windows Server 2003", server: true, arches: []string{X86, AMD64}, dumpType: 1, pack: 2},
	{name: "7", build: 7601, product: "Windows 7 Professional", edition: "Professional", arches: []string{AMD64, X86}, dumpType: 2, pack: 1, packID: 17514},
	{name: "8.1", build: 9600, product: "Windows 8.1 Pro", edition: "Professional", arches: []string{AMD64, X86},
		dumpType: 7, lab: "winblue_rtm.130821-1623", database: drivers81},
	{name: "10", build: 19045, ubr: 4170, product: "Windows 10 Pro", edition: "Professional", arches: []string{AMD64, X86, ARM64},
		dumpType: 7, lab: "vb_release.191206-1406", database: drivers10},
	{name: "11", build: 22631, ubr: 3296, product: "Windows 10 Pro", edition: "Professional", arches: []string{AMD64, ARM64},
		dumpType: 7, lab: "ni_release.220506-1250", database: drivers10},
	{name: "2016", build: 14393, ubr: 6796, product: "Windows Server 2016 Standard", edition: "ServerStandard", server: true, arches: []string{AMD64},
		dumpType: 7, lab: "rs1_release.160715-1616", database: drivers10},
	{name: "2019", build: 17763, ubr: 5576, product: "Windows Server 2019 Standard", edition: "ServerStandard", server: true, arches: []string{AMD64},
		dumpType: 7, lab: "rs5_release.180914-1434", database: drivers10},
	{name: "2022", build: 20348, ubr: 2340, product: "Windows Server 2022 Standard", edition: "ServerStandard", server: true, arches: []string{AMD64},
		dumpType: 7, lab: "fe_release.210507-1500", database: drivers10},
	{name: "2025", build: 26100, ubr: 1742, product: "Windows Server 2025 Standard", edition: "ServerStandard", server: true, arches: []string{AMD64, ARM64},
		dumpType: 7, lab: "ge_release.240331-1435", database: drivers10},
}

// Names are the releases that Windows knows, in the order of their age, clients first.
func Names() []string {
	var names []string
	for _, r := range releases {
		names = append(names, r.name)
	}
	return names
}

// Windows is a release as setup leaves it on a machine with this processor ("" takes the usual one),
// without a word about the machine itself. Where it keeps its page file is left open, too.
func Windows(name, arch string) (Options, error) {
	i := slices.IndexFunc(releases, func(r release) bool { return r.name == name })
	if i < 0 {
		return Options{}, fmt.Errorf("no sample of Windows %q", name)
	}
	r := &releases[i]
	if arch == "" {
		arch = r.arches[0]
	}
	if !slices.Contains(r.arches, arch) {
		return Options{}, fmt.Errorf("there is no Windows %s for %s", name, arch)
	}
	return r.options(arch), nil
}

func (r *release) options(arch string) Options {
	o := Options{
		Build: r.build, UBR: r.ubr, Product: r.product, Edition: r.edition, Type: "Client", Role: "WinNT", Arch: arch,
		Name: "SAMPLE-" + r.name, DumpType: r.dumpType, Pack: r.pack, ServicePack: r.packID, DriverVersion: r.database,
		SecondSet: r.build < windows.Build81, Keyboards: []string{windows.PS2Keyboard, windows.HIDKeyboard},
	}
	if r.name == "8.1" {
		o.Name = "SAMPLE-81" // a computer's name holds no dot
	}
	if r.server {
		o.Type, o.Role = "Server", "ServerNT"
	}
	if r.build < windows.BuildVista {
		o.Keyboards = []string{windows.PS2Keyboard}
	}
	if r.lab != "" {
		o.BuildLab = fmt.Sprintf("%d.%s", r.build, r.lab)
	}
	o.FastStartup = !r.server && r.build >= windows.Build8
	return o
}

// Release is the branch and date of the build, "" where they are not known.
func (o Options) Release() string {
	_, release, _ := strings.Cut(o.BuildLab, ".")
	return release
}
