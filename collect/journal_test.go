package collect_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"hangkit/collect"
)

const (
	goodCopy  = `{"copy":{"schema":"hangkit/collect-journal/1","path":"pagefile.sys","size":9000000,"head":"00","digest":"sha256","interval":2097152}}`
	goodPoint = `{"point":{"at":2097152,"size":2097152,"digest":"AA=="}}`
	nextPoint = `{"point":{"at":4194304,"size":4194304,"digest":"AA==","bad":[{"offset":2097152,"length":512}]}}`
)

func lines(texts ...string) []byte {
	var b []byte
	for _, text := range texts {
		b = append(b, collect.JournalLine(text)...)
	}
	return b
}

// TestJournalLines: a journal counts up to the first line that cannot be.
func TestJournalLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		b      []byte
		points int
		err    error
	}{
		"empty":           {nil, 0, collect.ErrJournal},
		"no beginning":    {lines(goodPoint), 0, collect.ErrJournal},
		"beginning":       {lines(goodCopy), 0, nil},
		"two points":      {lines(goodCopy, goodPoint, nextPoint), 2, nil},
		"torn":            {bytes.TrimSuffix(lines(goodCopy, goodPoint, nextPoint), []byte("\n")), 1, nil},
		"wrong checksum":  {bytes.Replace(lines(goodCopy, goodPoint, nextPoint), []byte("4194304"), []byte("4194305"), 1), 1, nil},
		"twice the same":  {lines(goodCopy, goodPoint, goodPoint, nextPoint), 1, nil},
		"backwards":       {lines(goodCopy, goodPoint, nextPoint, goodPoint), 2, nil},
		"skipped":         {lines(goodCopy, nextPoint), 0, nil},
		"two beginnings":  {lines(goodCopy, goodCopy, goodPoint), 0, nil},
		"not JSON":        {lines(goodCopy, "point"), 0, nil},
		"nothing":         {lines(goodCopy, "{}", goodPoint), 0, nil},
		"negative":        {lines(goodCopy, `{"point":{"at":2097152,"size":-1,"digest":"AA=="}}`), 0, nil},
		"past the end":    {lines(goodCopy, `{"point":{"at":20971520,"size":20971520,"digest":"AA=="}}`), 0, nil},
		"bad behind it":   {lines(goodCopy, `{"point":{"at":2097152,"size":2097152,"bad":[{"offset":2097152,"length":512}]}}`), 0, nil},
		"bad overlapping": {lines(goodCopy, `{"point":{"at":2097152,"size":2097152,"bad":[{"offset":0,"length":512},{"offset":256,"length":512}]}}`), 0, nil},
		"bad overflowing": {lines(goodCopy, `{"point":{"at":2097152,"size":2097152,"bad":[{"offset":512,"length":9223372036854775807}]}}`), 0, nil},
		"other schema":    {lines(`{"copy":{"schema":"x","size":9000000,"digest":"sha256","interval":2097152}}`), 0, collect.ErrJournal},
		"no interval":     {lines(`{"copy":{"schema":"hangkit/collect-journal/1","size":9000000,"digest":"sha256"}}`), 0, collect.ErrJournal},
		"other digest":    {lines(`{"copy":{"schema":"hangkit/collect-journal/1","size":9000000,"digest":"md5","interval":2097152}}`), 0, collect.ErrJournal},
	} {
		at, _, _, err := collect.JournalPoints(c.b)
		if len(at) != c.points || !errors.Is(err, c.err) {
			t.Errorf("%s: %d points, %v", name, len(at), err)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(lines(goodCopy, goodPoint, nextPoint))
	f.Add(lines(goodCopy, `{"done":{"Name":"a.dmp","Size":9000000}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		at, size, ends, err := collect.JournalPoints(b)
		if err != nil {
			return
		}
		for _, s := range [][]int64{at, size, ends} {
			if !slices.IsSorted(s) || len(s) > 0 && s[0] <= 0 {
				t.Fatalf("%v", s)
			}
		}
		if n := len(ends); n > 0 {
			again, _, _, err := collect.JournalPoints(b[:ends[n-1]])
			if err != nil || !slices.Equal(again, at) {
				t.Fatalf("cut behind its last checkpoint: %v, %v", again, err)
			}
		}
	})
}
