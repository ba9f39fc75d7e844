package offline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/offline/windows/sample"
)

// TestMain makes hangkit itself a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"hangkit": func() {
			status := Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
			keepStatus(os.Getenv(statusFile))
			os.Exit(status)
		},
	})
}

// statusFile is the environment variable that names the file in which hangkit leaves,
// at its end, what Linux says of the process.
const statusFile = "HANGKIT_TEST_STATUS_FILE"

func keepStatus(name string) {
	if name == "" {
		return
	}
	b, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		panic(err)
	}
}

// TestScript runs the scripts in testdata/script, one for each topic.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     cmdExits,
			"mkdisk":    cmdMkdisk,
			"mkwindows": cmdMkwindows,
			"mkwim":     cmdMkwim,
			"crash":     cmdCrash,
			"sum":       cmdSum,
			"json":      cmdJSON,
			"truncate":  cmdTruncate,
			"poke":      cmdPoke,
			"mkhive":    cmdMkhive,
			"bigreg":    cmdBigreg,
			"interrupt": cmdInterrupt,
			"mkbcd":     cmdMkbcd,
			"mkboot":    cmdMkboot,
			"setboot":   cmdSetboot,
			"mkfull":    cmdMkfull,
			"mkdump":    cmdMkdump,
			"mkevtx":    cmdMkevtx,
		},
	})
}

// cmdExits runs a program and demands its exit status: exits 7 hangkit check x.img.
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits status program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// cmdMkdisk makes the demo's disk: mkdisk server.img.
func cmdMkdisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mkdisk file")
	}
	ts.Check(makeDemoDisk(ts.MkAbs(args[0])))
}

// cmdMkwindows makes a folder that holds a Windows registry, as a mounted volume
// does: mkwindows dir.
func cmdMkwindows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mkwindows dir")
	}
	files, err := sampleRegistry(sample.Server())
	ts.Check(err)
	config := filepath.Join(ts.MkAbs(args[0]), "Windows", "System32", "config")
	ts.Check(os.MkdirAll(config, 0o755))
	for name, data := range files {
		ts.Check(os.WriteFile(filepath.Join(config, name), data, 0o640))
	}
}

// cmdCrash writes a kernel dump into the page file of a disk that mkdisk made.
func cmdCrash(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: crash file")
	}
	ts.Check(crashDemoDisk(ts.MkAbs(args[0])))
}

// cmdSum remembers a file's digest under a name, or compares with the one remembered:
// sum before x.img; …; sum before x.img. With !, the file must have changed.
func cmdSum(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] sum name file")
	}
	key := "SUM_" + args[0]
	now := digest(ts, ts.MkAbs(args[1]))
	switch before := ts.Getenv(key); {
	case before == "":
		ts.Setenv(key, now)
	case (before == now) == neg:
		ts.Fatalf("%s: changed is %t", args[1], before != now)
	}
}

// digest hashes what a sparse image holds, without reading its holes.
func digest(ts *testscript.TestScript, name string) string {
	f, err := os.Open(name)
	ts.Check(err)
	defer f.Close()
	h := sha256.New()
	ts.Check(eachData(f, func(off int64, p []byte) {
		fmt.Fprintf(h, "%d:", off)
		h.Write(p)
	}))
	return hex.EncodeToString(h.Sum(nil))
}

// cmdJSON demands that standard output, or standard error with "json stderr …", is one
// JSON document with this schema: json hangkit/check/1.
func cmdJSON(ts *testscript.TestScript, neg bool, args []string) {
	stream := "stdout"
	if len(args) == 2 {
		stream, args = args[0], args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json [stderr] schema")
	}
	var doc struct {
		Schema string `json:"schema"`
	}
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(stream)))
	ts.Check(dec.Decode(&doc))
	if doc.Schema != args[0] {
		ts.Fatalf("schema %q, want %q", doc.Schema, args[0])
	}
	if dec.More() {
		ts.Fatalf("more than one JSON document on %s", stream)
	}
}

// cmdTruncate cuts a file to a length: truncate x.img 65536.
func cmdTruncate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncate file size")
	}
	size, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR|os.O_CREATE, 0o600)
	ts.Check(err)
	ts.Check(errors.Join(f.Truncate(size), f.Close()))
}

// cmdPoke overwrites bytes of a file: poke x.img 0x1fe 0000.
func cmdPoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: poke file offset hex")
	}
	off, err := strconv.ParseInt(args[1], 0, 64)
	ts.Check(err)
	data, err := hex.DecodeString(args[2])
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR, 0)
	ts.Check(err)
	_, err = f.WriteAt(data, off)
	ts.Check(errors.Join(err, f.Close()))
}
