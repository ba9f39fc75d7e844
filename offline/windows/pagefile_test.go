package windows

import (
	"errors"
	"testing"
)

func TestParsePageFile(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]PageFile{
		`?:\pagefile.sys`:              {Drive: AnyDrive, Path: `\pagefile.sys`},
		`C:\pagefile.sys`:              {Drive: 'C', Path: `\pagefile.sys`},
		`c:\pagefile.sys 0 0`:          {Drive: 'C', Path: `\pagefile.sys`},
		`C:\pagefile.sys 2048 4096`:    {Drive: 'C', Path: `\pagefile.sys`, Initial: 2048, Maximum: 4096},
		`C:\pagefile.sys 267`:          {Drive: 'C', Path: `\pagefile.sys`, Initial: 267, Maximum: 267},
		`?:\pagefile.sys 1024 1124`:    {Drive: AnyDrive, Path: `\pagefile.sys`, Initial: 1024, Maximum: 1124},
		`D:\my page file.sys 10 20`:    {Drive: 'D', Path: `\my page file.sys`, Initial: 10, Maximum: 20},
		`D:\page 5.sys`:                {Drive: 'D', Path: `\page 5.sys`},
		`D:\page 5 6 7`:                {Drive: 'D', Path: `\page 5`, Initial: 6, Maximum: 7},
		` C:\pagefile.sys  768  1536 `: {Drive: 'C', Path: `\pagefile.sys`, Initial: 768, Maximum: 1536},
	} {
		got, err := ParsePageFile(in)
		if err != nil || got != want {
			t.Errorf("ParsePageFile(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{``, `pagefile.sys`, `C:pagefile.sys`, `C:\`, `C:\dir\`, `1:\pagefile.sys`, `C:/pagefile.sys`,
		`\??\C:\pagefile.sys`, `C:\pagefile.sys 4096 2048`, `C:\pagefile.sys 0 100`, `C:\pagefile.sys 99999999999 99999999999`,
		`C:\a*b`, "C:\\a\x00b"} {
		if got, err := ParsePageFile(in); !errors.Is(err, ErrPageFileEntry) {
			t.Errorf("ParsePageFile(%q) = %+v, %v; want ErrPageFileEntry", in, got, err)
		}
	}
}

func FuzzParsePageFile(f *testing.F) {
	for _, s := range []string{`?:\pagefile.sys`, `C:\pagefile.sys 0 0`, `C:\page file.sys 1 2`, `D:\p 5`, ``} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePageFile(s)
		if err != nil {
			return
		}
		again, err := ParsePageFile(p.String())
		if err != nil || again != p {
			t.Errorf("%q: %+v written as %q reads as %+v, %v", s, p, p, again, err)
		}
	})
}
