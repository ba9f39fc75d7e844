package windows

import (
	"bytes"
	"io"
	"path"
	"strings"
	"unicode/utf16"
)

// readSoftware takes what SOFTWARE says about keeping dumps. A bare SYSTEM hive has none, and readIdentity tells of one
// that cannot be read.
func (i *Installation) readSoftware(f *Facts) {
	h, err := i.Software()
	if err != nil {
		return
	}
	r := &reader{h: h}
	const reporting = `Microsoft\Windows\Windows Error Reporting`
	f.ErrorReporting = r.values(reporting)
	f.ErrorReportingPolicy = r.values(`Policies\` + reporting)
	if f.Before(Build1703) {
		f.FullLiveReports = r.values(reporting + `\FullLiveKernelReports`)
	}
	f.Policies = append(f.Policies, devicePolicies(r)...)
	f.Policies = append(f.Policies, i.groupPolicies()...)
}

// Policy is something that sets crash settings again while Windows runs.
type Policy struct {
	Source string   // where it stands
	Names  []string // what of the crash settings it names
}

// maxPolicies bounds the areas of device management looked at; Windows 11 knows some hundred.
const maxPolicies = 2000

// devicePolicies are what device management (MDM) has set about dumps.
func devicePolicies(r *reader) []Policy {
	const current = `Microsoft\PolicyManager\current\device`
	var out []Policy
	left := maxPolicies
	for area := range subkeys(r, r.key(current)) {
		if left--; left < 0 {
			break
		}
		var names []string
		for _, val := range r.values(current + `\` + area.Name()).All() {
			if aboutDumps(area.Name()) || aboutDumps(val.Name) {
				names = append(names, val.Name)
			}
		}
		if len(names) > 0 {
			out = append(out, Policy{Source: `SOFTWARE, ` + current + `\` + area.Name(), Names: names})
		}
	}
	return out
}

func aboutDumps(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "crashdump") || strings.Contains(name, "memorydump") || strings.Contains(name, "crashcontrol")
}

// policySettings are the keys and values whose names in a policy file mean that it writes crash settings.
var policySettings = []string{
	`Control\CrashControl`, "PagingFiles", CrashOnCtrlScroll, PowerButtonBugcheck, HiberbootEnabled, ClearPageFileAtShutdown,
}

// maxPolicyFile bounds what is read of a policy file; real ones have some hundred kB.
const maxPolicyFile = 4 << 20

// groupPolicies looks for crash settings in the policy files that Windows keeps of this machine: those of the local
// policy, those the domain last gave it, and the preferences.
func (i *Installation) groupPolicies() []Policy {
	if i.Volume == nil {
		return nil
	}
	files := []string{path.Join(i.Root, "System32/GroupPolicy/Machine/Registry.pol"), "ProgramData/ntuser.pol"}
	files = append(files, i.preferenceFiles()...)
	var out []Policy
	for _, name := range files {
		if names := settingsNamed(i.head(name, maxPolicyFile)); len(names) > 0 {
			out = append(out, Policy{Source: name, Names: names})
		}
	}
	return out
}

// preferenceFiles are where Windows keeps the registry preferences of each group policy it applied.
func (i *Installation) preferenceFiles() []string {
	dir, ok := lookupPath(i.Volume, "ProgramData/Microsoft/Group Policy/History")
	if !ok {
		return nil
	}
	entries, err := i.Volume.ReadDir(dir)
	if err != nil {
		return nil
	}
	var files []string
	for _, e := range entries[:min(len(entries), maxListed)] {
		files = append(files, path.Join(dir, e.Name(), "Machine/Preferences/Registry/Registry.xml"))
	}
	return files
}

// settingsNamed finds the names in a file, be it 8-bit text or UTF-16.
func settingsNamed(b []byte) []string {
	b = bytes.ToLower(b)
	var names []string
	for _, s := range policySettings {
		low := strings.ToLower(s)
		if bytes.Contains(b, []byte(low)) || bytes.Contains(b, wide(low)) {
			names = append(names, s)
		}
	}
	return names
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

// head is the beginning of a file of the volume; nothing if it is not there.
func (i *Installation) head(name string, limit int64) []byte {
	found, ok := lookupPath(i.Volume, name)
	if !ok {
		return nil
	}
	f, err := i.Volume.Open(found)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil
	}
	return b
}
