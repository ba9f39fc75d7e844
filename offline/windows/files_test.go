package windows

import (
	"io/fs"
	"testing"
)

// Whatever a setting says, the path stays inside the volume.
func FuzzExpandPath(f *testing.F) {
	for _, s := range []string{`%SystemRoot%\MEMORY.DMP`, `D:\a\..\..\b`, `\\server\share`, `C:\`, `%windir%`, `C:\a/b`, "C:\\\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		facts := &Facts{Root: "Windows", SystemLetter: sure[byte]('C', "test")}
		p, ok := facts.ExpandPath(s)
		if ok && (!fs.ValidPath(p.Name) || p.Name == "." || p.Letter < 'A' || p.Letter > 'Z') {
			t.Errorf("%q became %+v", s, p)
		}
		if !ok && p != (Path{}) {
			t.Errorf("%q is refused and became %+v", s, p)
		}
	})
}
