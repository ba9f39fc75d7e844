package offline

import (
	"runtime"
	"runtime/debug"

	"hangkit/offline/internal/ui"
)

// VersionCmd prints what this binary is.
type VersionCmd struct{}

type versionDocument struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
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

// version reads what the Go tool stamped into the binary.
func version() versionDocument {
	v := versionDocument{
		Schema:   "hangkit/version/1",
		Version:  "devel",
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Revision = s.Value
		}
	}
	return v
}
