package windows

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Builds that changed what crash settings mean or where they are.
const (
	Build2000   = 2195
	BuildXP     = 2600
	Build2003   = 3790
	BuildVista  = 6000
	BuildVista1 = 6001 // Vista SP1, Server 2008
	Build7      = 7600 // 7, Server 2008 R2
	Build8      = 9200 // 8, Server 2012
	Build81     = 9600
	Build10     = 10240
	Build1703   = 15063
	Build1803   = 17134
	Build1809   = 17763 // Server 2019
	Build1903   = 18362
	Build2022   = 20348 // Server 2022
	Build11     = 22000
	Build24H2   = 26100 // Server 2025
)

// Version is what the installation says it is.
type Version struct {
	Build   Fact[int] // 19045
	UBR     Fact[int] // the update's number behind it, Windows 10 and later
	Product string    // "Windows 10 Pro"; from the build when SOFTWARE could not be read
	Edition string    // "Professional", "ServerStandard"
	Display string    // "22H2"
	Type    string    // "Client", "Server", "Server Core"
	Pack    string    // "Service Pack 1"
}

// String names the version for people: "Windows 10 Pro 22H2 (build 19045.4170)".
func (v Version) String() string {
	var parts []string
	for _, s := range []string{v.Product, v.Display, v.Pack} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "Windows")
	}
	return strings.Join(parts, " ") + v.buildText()
}

func (v Version) buildText() string {
	switch {
	case !v.Build.Known:
		return " (build unknown)"
	case v.Build.Guessed:
		return fmt.Sprintf(" (build %d or later)", v.Build.Value)
	case v.UBR.Known:
		return fmt.Sprintf(" (build %d.%d)", v.Build.Value, v.UBR.Value)
	}
	return fmt.Sprintf(" (build %d)", v.Build.Value)
}

// readIdentity settles version and architecture from the best source there is.
func (i *Installation) readIdentity(f *Facts, r *reader) {
	current, err := i.currentVersion()
	if err != nil && i.Volume != nil {
		r.problems = append(r.problems, err.Error())
	}
	kernel := i.kernelImage()
	f.Version = softwareVersion(current)
	if !f.Version.Build.Known {
		f.Version.Build = kernel.build
	}
	if !f.Version.Build.Known {
		f.Version.Build = systemBuild(f, r)
	}
	if f.Version.Product == "" {
		f.Version.Product = productName(f.Version.Build, f.IsServer())
	}
	if f.Version.Pack == "" {
		f.Version.Pack = systemPack(r.values(f.ControlSet.Key(`Control\Windows`)))
	}
	f.Arch = systemArch(f, r)
	if !f.Arch.Known {
		f.Arch = kernel.arch
	}
}

// systemPack reads the service pack from SYSTEM: its number is the high byte of CSDVersion.
func systemPack(control Values) string {
	if n := control.Or("CSDVersion", 0) >> 8; n > 0 && n <= 0xFF {
		return fmt.Sprintf("Service Pack %d", n)
	}
	return ""
}

// currentVersion returns SOFTWARE's key of that name.
func (i *Installation) currentVersion() (Values, error) {
	h, err := i.Software()
	if err != nil {
		return Values{}, err
	}
	r := &reader{h: h}
	return r.values(`Microsoft\Windows NT\CurrentVersion`), nil
}

func softwareVersion(v Values) Version {
	var out Version
	for _, name := range []string{"CurrentBuildNumber", "CurrentBuild"} {
		s, _ := v.Text(name)
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			out.Build = sure(n, "SOFTWARE, "+name)
			break
		}
	}
	if n, ok := v.DWORD("UBR"); ok {
		out.UBR = sure(int(n), "SOFTWARE, UBR")
	}
	out.Product, _ = v.Text("ProductName")
	out.Edition, _ = v.Text("EditionID")
	out.Type, _ = v.Text("InstallationType")
	out.Pack, _ = v.Text("CSDVersion")
	if out.Display, _ = v.Text("DisplayVersion"); out.Display == "" {
		out.Display, _ = v.Text("ReleaseId")
	}
	out.Product = correctedProduct(out)
	return out
}

// correctedProduct undoes a known lie: Windows 11 still calls itself Windows 10.
func correctedProduct(v Version) string {
	if v.Build.Value >= Build11 && v.Type != "Server" && v.Type != "Server Core" {
		return strings.Replace(v.Product, "Windows 10", "Windows 11", 1)
	}
	return v.Product
}

// product names by the first build that has them.
var products = []struct {
	build          int
	client, server string
}{
	{Build24H2, "Windows 11", "Windows Server 2025"},
	{Build11, "Windows 11", "Windows Server"},
	{Build2022, "Windows 10", "Windows Server 2022"},
	{Build1809, "Windows 10", "Windows Server 2019"},
	{Build10, "Windows 10", "Windows Server 2016"},
	{Build81, "Windows 8.1", "Windows Server 2012 R2"},
	{Build8, "Windows 8", "Windows Server 2012"},
	{Build7, "Windows 7", "Windows Server 2008 R2"},
	{BuildVista, "Windows Vista", "Windows Server 2008"},
	{Build2003, "Windows XP x64", "Windows Server 2003"},
	{BuildXP, "Windows XP", "Windows XP"},
	{Build2000, "Windows 2000", "Windows 2000 Server"},
}

func productName(build Fact[int], server bool) string {
	for _, p := range products {
		if !build.Known || build.Value < p.build {
			continue
		}
		if server {
			return p.server
		}
		return p.client
	}
	return ""
}

// Values of DriverDatabase\Version at the root of SYSTEM (Windows 8 and later): major and minor version in the two
// high bytes.
const (
	database62 = 0x06020000
	database63 = 0x06030000
	database10 = 0x0A000000
)

// systemBuild estimates the build from SYSTEM alone. Where only a family is certain, it takes the earliest of it, so
// that nothing is promised that came later.
func systemBuild(f *Facts, r *reader) Fact[int] {
	control := r.values(f.ControlSet.Key(`Control\Windows`))
	if n, ok := buildLab(control); ok {
		return sure(n, "SYSTEM, ShutdownStopTimePerfCounterBuildLab")
	}
	db := r.values("DriverDatabase")
	switch n, _ := db.DWORD("Version"); n {
	case database62:
		return guessed(Build8, `SYSTEM, DriverDatabase, Version`)
	case database63:
		return guessed(Build81, `SYSTEM, DriverDatabase, Version`)
	case database10:
		return guessed(Build10, `SYSTEM, DriverDatabase, Version`)
	}
	return oldBuild(f, r, control)
}

// buildLab reads the number in front of "16299.rs3_release.170928-1534".
func buildLab(control Values) (int, bool) {
	lab, _ := control.Text("ShutdownStopTimePerfCounterBuildLab")
	number, _, _ := strings.Cut(lab, ".")
	n, err := strconv.Atoi(number)
	return n, err == nil && n >= Build8
}

// csdBuilds maps CSDBuildNumber, the service pack's own build, to the build of Windows 7.
var csdBuilds = map[uint32]int{16385: Build7, 17514: Build7 + 1}

// oldBuild tells the Windows before 8 apart.
func oldBuild(f *Facts, r *reader, control Values) Fact[int] {
	csd, _ := control.DWORD("CSDBuildNumber")
	switch {
	case !control.Present:
		return Fact[int]{}
	case csdBuilds[csd] != 0:
		return sure(csdBuilds[csd], `SYSTEM, Control\Windows, CSDBuildNumber`)
	case f.Memory.Has(ExistingPageFiles) || control.Has("ComponentizedBuild"):
		return guessed(BuildVista, "SYSTEM: ExistingPageFiles, but no DriverDatabase")
	case f.IsServer() || r.text(f.ControlSet.Key(environmentKey), archName) == "AMD64":
		return guessed(Build2003, "SYSTEM: no ExistingPageFiles, server or 64-bit")
	}
	return guessed(BuildXP, "SYSTEM: no ExistingPageFiles")
}

const (
	environmentKey = `Control\Session Manager\Environment`
	archName       = "PROCESSOR_ARCHITECTURE"
)

// Numbers of PROCESSOR_ARCHITECTURE_… that DriverDatabase\Architecture uses.
var databaseArch = map[uint32]string{0: "x86", 6: "ia64", 9: "amd64", 12: "arm64"}

func systemArch(f *Facts, r *reader) Fact[string] {
	if s := r.text(f.ControlSet.Key(environmentKey), archName); s != "" {
		return sure(strings.ToLower(s), `SYSTEM, `+environmentKey)
	}
	if n, ok := r.values("DriverDatabase").DWORD("Architecture"); ok && databaseArch[n] != "" {
		return sure(databaseArch[n], "SYSTEM, DriverDatabase, Architecture")
	}
	return Fact[string]{}
}

// kernel is what the header of ntoskrnl.exe tells.
type kernel struct {
	build Fact[int]
	arch  Fact[string]
}

var machineArch = map[uint16]string{
	pe.IMAGE_FILE_MACHINE_I386: "x86", pe.IMAGE_FILE_MACHINE_AMD64: "amd64",
	pe.IMAGE_FILE_MACHINE_ARM64: "arm64", pe.IMAGE_FILE_MACHINE_IA64: "ia64",
}

func (i *Installation) kernelImage() (k kernel) {
	if i.Volume == nil {
		return k
	}
	name, ok := lookup(i.Volume, i.Root, "System32", "ntoskrnl.exe")
	if !ok {
		return k
	}
	f, err := i.Volume.Open(name)
	if err != nil {
		return k
	}
	defer func() { _ = f.Close() }()
	if at, ok := f.(io.ReaderAt); ok {
		return readKernel(at)
	}
	return k
}

// fixedFileInfo is the mark of VS_FIXEDFILEINFO (winver.h); dwFileVersionLS lies 12 bytes behind it, the build in its
// high half.
var fixedFileInfo = []byte{0xBD, 0x04, 0xEF, 0xFE}

const (
	fileVersionLS   = 12
	maxResourceSize = 4 << 20
)

func readKernel(r io.ReaderAt) (k kernel) {
	img, err := pe.NewFile(r)
	if err != nil {
		return k
	}
	if arch := machineArch[img.Machine]; arch != "" {
		k.arch = sure(arch, "ntoskrnl.exe")
	}
	s := img.Section(".rsrc")
	if s == nil || s.Size > maxResourceSize {
		return k
	}
	data, err := s.Data()
	if err != nil {
		return k
	}
	at := bytes.Index(data, fixedFileInfo)
	if at < 0 || at+fileVersionLS+4 > len(data) {
		return k
	}
	build := int(binary.LittleEndian.Uint32(data[at+fileVersionLS:]) >> 16)
	k.build = sure(build, "ntoskrnl.exe, file version")
	return k
}
