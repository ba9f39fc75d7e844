package offline

import (
	"os"

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
	"evil":   {Pages: 96, Modules: []string{"a\x1b[31mred.sys", "<script>alert(1)</script>", "\u202egpj.sys"}},
	"triage": {Type: dumpfile.TypeTriage},
}

// cmdMkdump makes a dump: mkdump torn memory.dmp.
func cmdMkdump(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkdump kind file")
	}
	spec, ok := scriptDumps[args[0]]
	if !ok {
		ts.Fatalf("mkdump knows no kind %q", args[0])
	}
	b, err := dumptest.Build(spec)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}
