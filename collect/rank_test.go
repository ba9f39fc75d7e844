package collect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hangkit/collect/dumpfile"
)

// rankPlainly is rank by comparing each with each.
func rankPlainly(all []*Candidate) {
	slices.SortStableFunc(all, compare)
	for i, c := range all {
		for _, better := range all[:i] {
			if better.DuplicateOf != nil || !better.Extractable() || !sameCrash(better, c) {
				continue
			}
			better.savedPartly = better.savedPartly || c.Source == SourceDumpFile || c.Source == SourceTemp
			if replaces(better, c) {
				c.DuplicateOf = better
				break
			}
		}
	}
}

func oneOf[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func maybe[T any](r *rand.Rand, from ...T) (f dumpfile.Field[T]) {
	if r.IntN(3) > 0 {
		f.Value, f.Known = oneOf(r, from...), true
	}
	return f
}

// randomCandidates are as alike as a few values make them.
func randomCandidates(r *rand.Rand) (all []*Candidate) {
	place := &Place{}
	for i := range r.IntN(12) {
		c := &Candidate{
			Place: place, Path: fmt.Sprint(i), Have: int64(r.IntN(3)),
			State:  oneOf(r, StateComplete, StateEncrypted, StatePartial, StateDamaged, StateHeaderWiped, StateEmpty),
			Source: oneOf(r, SourcePageFile, SourceDumpFile, SourceTemp, SourceMinidump, SourceLive),
		}
		if r.IntN(8) > 0 {
			c.Header = &dumpfile.Header{
				Type:         oneOf(r, dumpfile.TypeTriage, dumpfile.TypeFull),
				SystemTime:   maybe(r, time.Unix(1, 0), time.Unix(2, 0)),
				SystemUpTime: maybe(r, time.Minute, time.Hour),
				BootID:       maybe(r, uint32(1), 2),
			}
		}
		all = append(all, c)
	}
	return all
}

// TestRankAlike: comparing only what has something in common finds the same copies.
func TestRankAlike(t *testing.T) {
	t.Parallel()
	duplicates := 0
	for seed := range uint64(5_000) {
		got, want := randomCandidates(rand.New(rand.NewPCG(seed, 0))), randomCandidates(rand.New(rand.NewPCG(seed, 0)))
		rank(got)
		rankPlainly(want)
		for i, c := range got {
			if c.Path != want[i].Path || nameOf(c.DuplicateOf) != nameOf(want[i].DuplicateOf) || c.savedPartly != want[i].savedPartly {
				t.Fatalf("seed %d: %s is a copy of %q, saved %t, want %q, %t", seed,
					c.Path, nameOf(c.DuplicateOf), c.savedPartly, nameOf(want[i].DuplicateOf), want[i].savedPartly)
			}
			if c.DuplicateOf != nil {
				duplicates++
			}
		}
	}
	if duplicates < 500 {
		t.Errorf("only %d duplicates were made", duplicates)
	}
}

func nameOf(c *Candidate) string {
	if c == nil {
		return ""
	}
	return c.Path
}

// TestRankCost: different crashes are not compared with each other, however many, and
// neither are those of one second in different boots.
func TestRankCost(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []bool{false, true} {
		kept := keptByKey{}
		for i := range 10_000 {
			c := &Candidate{Header: &dumpfile.Header{
				SystemTime:   dumpfile.Field[time.Time]{Value: time.Unix(int64(i), 0), Known: i%2 == 0},
				SystemUpTime: dumpfile.Field[time.Duration]{Value: time.Duration(i), Known: true},
				BootID:       dumpfile.Field[uint32]{Value: 7, Known: true},
			}}
			if atOnce {
				c.Header.SystemTime.Value, c.Header.BootID.Value = time.Unix(1, 0), uint32(i)
			}
			if n := len(kept.alike(c)); n > 0 {
				t.Fatalf("the crash of place %d is compared with %d others", i, n)
			}
			kept.add(c, i)
		}
	}
}
