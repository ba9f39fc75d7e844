package offline

import (
	"strings"

	"github.com/alecthomas/kong"

	"hangkit/offline/crashconfig"
)

// remedy is the one command that fixes what hangkit can fix.
type remedy struct {
	command string
	settles map[string]bool // the rules that would complain no more, or more mildly
}

// remedy tries arm in memory: with the flags that the findings ask for or, if these are
// refused together, without. There is none where nothing would get better.
func (o *opened) remedy(report *crashconfig.Report) remedy {
	for _, flags := range [][]string{wantedFlags(report), nil} {
		settings, err := parseSettings(flags)
		if err != nil {
			continue
		}
		if settles := o.settled(report, settings); len(settles) > 0 {
			command := "hangkit arm " + armTarget(o)
			if len(flags) > 0 {
				command += " " + strings.Join(flags, " ")
			}
			return remedy{command, settles}
		}
	}
	return remedy{}
}

func (o *opened) settled(before *crashconfig.Report, settings crashconfig.Settings) map[string]bool {
	plan, err := crashconfig.PlanArm(o.install, o.facts, settings)
	if err != nil || plan.After == nil {
		return nil
	}
	after := crashconfig.Check(plan.After)
	settles := map[string]bool{}
	for _, f := range before.Findings {
		if now, still := after.Find(f.ID); f.Verdict >= crashconfig.Unknown && (!still || now.Verdict < f.Verdict) {
			settles[f.ID] = true
		}
	}
	return settles
}

// wantedFlags are the flags for arm in the fixes, each once and by the gravest finding
// that asks for it. Those that somebody has to fill in are left out.
func wantedFlags(report *crashconfig.Report) []string {
	var flags []string
	seen := map[string]bool{}
	for v := crashconfig.Block; v >= crashconfig.Risk; v-- {
		for _, f := range report.Findings {
			rest, ok := strings.CutPrefix(f.Fix, "hangkit arm --")
			name, _, _ := strings.Cut(rest, " ")
			if !ok || f.Verdict != v || seen[name] || strings.ContainsAny(rest, `"`) || strings.Contains(rest, "SIZE") {
				continue
			}
			seen[name] = true
			flags = append(flags, strings.Fields("--"+rest)...)
		}
	}
	return flags
}

// parseSettings reads flags as the arm command does.
func parseSettings(flags []string) (crashconfig.Settings, error) {
	var arm ArmCmd
	if len(flags) == 0 {
		return arm.settings(), nil
	}
	parser, err := kong.New(&arm)
	if err == nil {
		_, err = parser.Parse(flags)
	}
	return arm.settings(), err
}
