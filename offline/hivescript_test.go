package offline

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/offline/target"
)

// cmdMkhive makes a small hive without logs, with a key for every kind of oddity: mkhive file.
func cmdMkhive(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: mkhive file")
	}
	h, err := oddHive()
	ts.Check(err)
	data, err := h.Bytes()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o640))
}

// oddHive holds what text output and JSON cannot carry as it is.
func oddHive() (*hive.Hive, error) {
	h := hive.New(hive.NewOptions{Now: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)})
	half := hive.DecodeUTF16([]uint16{'h', 0xD800})
	values := []hive.Value{
		{Name: "", Type: hive.SZ, Data: hive.EncodeSZ("the default")},
		{Name: "@", Type: hive.SZ, Data: hive.EncodeSZ("named so")},
		{Name: "bell\a", Type: hive.SZ, Data: hive.EncodeSZ("clear\x1b[2J")},
		{Name: half, Type: hive.SZ, Data: hive.EncodeSZ(half)},
		{Name: "big", Type: hive.Binary, Data: make([]byte, 20000)},
		{Name: "strange", Type: 0x1234, Data: []byte{1, 2, 3}},
	}
	var errs []error
	for _, v := range values {
		errs = append(errs, h.SetValue("odd", v))
	}
	_, err := h.CreateKey(`odd\a/b`)
	errs = append(errs, err, h.SetClass("odd", "a class"), h.SetValue(half, hive.Value{Name: "x", Type: hive.DWORD, Data: hive.EncodeDWORD(1)}))
	return h, errors.Join(errs...)
}

// cmdBigreg writes a text that sets a value of so many bytes in SYSTEM: bigreg x.reg 4000000.
func cmdBigreg(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bigreg file size")
	}
	size, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := regtext.File{Keys: []regtext.Key{{Path: `HKEY_LOCAL_MACHINE\SYSTEM\Big`, Values: []regtext.Value{
		{Name: "big", Type: hive.Binary, Data: bytes.Repeat([]byte{0x5A}, size)},
	}}}}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(errors.Join(text.WriteTo(f, regtext.UTF8), f.Close()))
}

// cmdInterrupt sets the value Interrupted of the root and stops where the log holds the
// change and the hive does not: interrupt hive.
func cmdInterrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: interrupt hive")
	}
	ts.Check(interrupt(ts.MkAbs(args[0])))
}

func interrupt(name string) (err error) {
	t, err := target.Open(filepath.Dir(name), target.Writable)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	set, err := target.OpenHiveSet(t.Volumes[0].FS, filepath.Base(name), false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	h, err := hive.Open(source(set))
	if err != nil {
		return err
	}
	if err := h.SetValue("", hive.Value{Name: "Interrupted", Type: hive.DWORD, Data: hive.EncodeDWORD(1)}); err != nil {
		return err
	}
	c, err := h.Commit(hive.CommitOptions{Generation: hive.GenerationHvLE})
	if err != nil {
		return err
	}
	c.Writes = c.Writes[:2] // the log, and the base block that says so
	return c.Run((&hiveWriter{set: set}).targets())
}
