package offline

import (
	"runtime"
	"runtime/debug"

	"hangkit/offline/internal/ui"
)

// VersionCmd prints what this binary is.
type VersionCmd struct{}

// What scripts/release stamps into a binary, which is built without looking at the
// repository: the same source is the same binary, from a tarball too.
var (
	stampedVersion  string
	stampedRevision string
	stampedDate     string // RFC 3339
)

type versionDocument struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Date     string `json:"date,omitempty"` // of the revision
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints the version.
func (*VersionCmd) Run(talk *ui.UI) error {
	v := version()
	if talk.JSON {
		return talk.Document(v)
	}
	talk.Printf("hangkit %s", v.Version)
	if v.Revision != "" {
		talk.Printf(" (%s)", v.Revision)
	}
	talk.Printf(", %s, %s\n", v.Go, v.Platform)
	return nil
}

// version reads what was stamped into the binary, by a release or else by the Go tool.
func version() versionDocument {
	v := versionDocument{
		Schema:   "hangkit/version/1",
		Version:  stampedVersion,
		Revision: stampedRevision,
		Date:     stampedDate,
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if v.Version != "" {
		return v
	}
	v.Version = "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Date = s.Value
		}
	}
	return v
}
