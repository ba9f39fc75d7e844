package hive

import (
	"bytes"
	"errors"
	"testing"
)

// fuzzSeeds gives sets of files: clean, dirty with either kind of log, and with all kinds of cells.
func fuzzSeeds(tb testing.TB) []files {
	tb.Helper()
	rich := New(NewOptions{Minor: 5, Now: testTime})
	for _, v := range []Value{{"", SZ, EncodeSZ("x")}, {"b", Binary, pattern(16400)}, {"имя", DWORD, EncodeDWORD(1)}} {
		setValue(tb, rich, `A\B`, v)
	}
	tiny := files{mustBytes(tb, New(NewOptions{Minor: 3})), make([]byte, 16<<10), make([]byte, 16<<10)}
	return []files{
		tiny,
		{mustBytes(tb, rich)},
		dirtyAfter(tb, tinyHive(tb), GenerationHvLE),
		dirtyAfter(tb, tinyHive(tb), GenerationDIRT),
	}
}

func tinyHive(tb testing.TB) files {
	tb.Helper()
	h := New(NewOptions{Minor: 5, Now: testTime})
	setValue(tb, h, `ControlSet001\Services`, Value{"x", DWORD, EncodeDWORD(1)})
	p := append(mustBytes(tb, h), make([]byte, 16<<10)...)
	return files{p, make([]byte, 16<<10), make([]byte, 16<<10)}
}

// FuzzOpen reads whatever it is given: an error or a hive, never a panic or an endless walk.
func FuzzOpen(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s[Primary], s[Log1], s[Log2], false)
		f.Add(s[Primary], s[Log1], s[Log2], true)
		f.Add(s[Primary][:len(s[Primary])/2], s[Log1], s[Log2], false) // its logs make it longer
	}
	f.Fuzz(func(t *testing.T, primary, log1, log2 []byte, seal bool) {
		if seal && len(primary) >= baseBlockSize {
			baseBlock(primary).seal()
		}
		h, err := Open(files{primary, log1, log2}.source())
		if err != nil {
			return
		}
		budget := 500
		walkAll(h, "", &budget)
		if h.Validate() != nil {
			return
		}
		fuzzCommit(t, files{primary, log1, log2})
		p := mustBytes(t, h)
		again, err := Open(files{p}.source())
		if err != nil {
			t.Fatalf("a recovered hive does not open: %v", err)
		}
		if err := again.Validate(); err != nil {
			t.Fatalf("a recovered hive is not valid: %v", err)
		}
		if err := CheckReadBack(newMemFile(p), []ValueCheck{{`no\such`, "value", nil}}); err != nil {
			t.Fatal(err)
		}
	})
}

// fuzzCommit edits a valid hive and carries the commit out: what it wrote opens as clean and new.
func fuzzCommit(tb testing.TB, f files) {
	tb.Helper()
	h := mustOpen(tb, f)
	if h.SetValue("fuzz", Value{"v", DWORD, EncodeDWORD(1)}) != nil {
		return
	}
	c, err := h.Commit(CommitOptions{Now: testTime})
	if errors.Is(err, ErrNoRoom) && len(mustBytes(tb, h)) > len(f[Primary]) {
		return // its log made the hive longer than a file that was cut short
	}
	if err != nil {
		tb.Fatalf("commit of a valid hive: %v", err)
	}
	d := disk(f)
	final := d.clone()
	if err := c.Run(final.targets(nil)); err != nil {
		tb.Fatal(err)
	}
	again := mustOpen(tb, final.files())
	if again.Recovery().Dirty || !bytes.Equal(again.mustBins(tb), h.bins.data) {
		tb.Fatalf("%v commit: not what was planned", c.Protocol)
	}
}

// mustBins gives the bins, all loaded.
func (h *Hive) mustBins(tb testing.TB) []byte {
	tb.Helper()
	if err := h.bins.loadAll(); err != nil {
		tb.Fatal(err)
	}
	return h.bins.data
}

// walkAll reads keys and values until the budget is spent.
func walkAll(h *Hive, path string, budget *int) {
	if *budget--; *budget < 0 {
		return
	}
	k, err := h.Key(path)
	if err != nil {
		return
	}
	_, _ = k.Class()
	for v, err := range k.Values() {
		if err == nil {
			_, _, _ = v.String(), v.Strings(), v.Text()
		}
		if *budget--; *budget < 0 {
			return
		}
	}
	for sub, err := range k.Subkeys() {
		if err != nil || *budget < 0 {
			return
		}
		walkAll(h, path+`\`+sub.Name(), budget)
	}
}

// FuzzEdit edits whatever opens: a valid hive stays valid and reads back, and a failed edit changes
// nothing.
func FuzzEdit(f *testing.F) {
	for _, s := range fuzzSeeds(f) {
		f.Add(s[Primary], `ControlSet001\Services\new`, "value", uint16(1), []byte("data"))
		f.Add(s[Primary], "a/b", "b", uint16(4), pattern(17000))
	}
	f.Fuzz(func(t *testing.T, primary []byte, path, name string, kind uint16, data []byte) {
		if len(primary) < baseBlockSize {
			return
		}
		le.PutUint32(primary[8:], le.Uint32(primary[4:]))
		baseBlock(primary).seal()
		h, err := Open(files{primary}.source())
		if err != nil {
			return
		}
		h.AllowGrowth(1 << 20)
		valid := h.Validate() == nil
		before := mustBytes(t, h)
		want := Value{name, Type(kind), data}
		if err := h.SetValue(path, want); err != nil {
			if !bytes.Equal(before, mustBytes(t, h)) {
				t.Fatalf("a failed edit changed the hive: %v", err)
			}
			return
		}
		if !valid {
			return
		}
		if err := h.Validate(); err != nil {
			t.Fatalf("the edit broke the hive: %v", err)
		}
		if err := CheckReadBack(newMemFile(mustBytes(t, h)), []ValueCheck{{path, name, &want}}); err != nil {
			t.Fatal(err)
		}
		if err := h.DeleteValue(path, name); err != nil {
			t.Fatal(err)
		}
		if err := h.Validate(); err != nil {
			t.Fatalf("the deletion broke the hive: %v", err)
		}
	})
}
