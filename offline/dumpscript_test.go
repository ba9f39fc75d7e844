package offline

import (
	"os"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/collect/dumpfile"
	"hangkit/collect/dumptest"
)

// scriptDumps are the dumps that mkdump makes, by what is special about them.
var scriptDumps = map[string]dumptest.Spec{
	"good":   {Pages: 96},
	"arm64":  {Pages: 96, Machine: dumpfile.MachineARM64, Type: dumpfile.TypeFull},
	"x86":    {Pages: 96, Bits: 32, NoPAE: true, Type: dumpfile.TypeFull},
	"torn":   {Pages: 96, Lost: []uint64{dumptest.FrameModules}},
	"bad":    {Pages: 96, Lost: []uint64{dumptest.FrameData}},
	"evil":   {Pages: 96, Modules: []string{"a.sys", "b.sys", "<script>alert(1)</script>", "a\x1b[31mred.sys", "\u202egpj.sys"}},
	"triage": {Type: dumpfile.TypeTriage},

	"encrypted": {Pages: 96, Attributes: uint32(dumpfile.AttrEncrypted)},
}

// firmwareDump is the header of a firmware dump: version 1.0, valid, without
// any section.
var firmwareDump = "Raw_Dmp!\x01\x00\x00\x00\x01\x00\x00\x00" + strings.Repeat("\x00", 0x14) + "\x38" + strings.Repeat("\x00", 0x13)

// cmdMkdump makes a dump: mkdump torn memory.dmp.
func cmdMkdump(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkdump kind file")
	}
	if args[0] == "firmware" {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(firmwareDump), 0o600))
		return
	}
	spec, ok := scriptDumps[args[0]]
	if !ok {
		ts.Fatalf("mkdump knows no kind %q", args[0])
	}
	b, err := dumptest.Build(spec)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}
