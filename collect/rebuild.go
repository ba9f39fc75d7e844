package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"hangkit/collect/dumpfile"
)

// Rebuild makes the first page of every dump anew that lost it to a later boot, as
// far as what is left allows, and ranks the candidates again: with its header a dump
// may turn out to be another copy of a known crash. It reads the dumps, which can
// take as long as copying them; progress, where it is not nil, makes what is told
// the pages done of one of them. What cannot be rebuilt stays as it is and says
// why, and one that is known to be saved elsewhere is left alone; only a cancelled ctx
// is an error.
func Rebuild(ctx context.Context, all []*Candidate, progress func(c *Candidate) (update func(done, total int64), finish func())) error {
	tried := false
	for _, c := range all {
		if c.State != StateHeaderWiped || c.rebuildTried || c.DuplicateOf != nil {
			continue
		}
		tried = true
		if err := c.rebuildShowing(ctx, progress); err != nil {
			return fmt.Errorf("%s: %w", c.Name(), err)
		}
	}
	if tried {
		rank(all)
		noteLaterBoots(all)
		dispense(all)
	}
	return nil
}

// dispense leaves out what no header could be made for, if there is a crash with one.
func dispense(all []*Candidate) {
	better := slices.ContainsFunc(all, func(c *Candidate) bool {
		return c.Wanted() && c.Header != nil && !c.Live() && (c.State != StateHeaderWiped || c.Rebuilt != nil)
	})
	for _, c := range all {
		c.dispensable = better && c.rebuildTried && c.Rebuilt == nil
	}
}

func (c *Candidate) rebuildShowing(ctx context.Context, progress func(c *Candidate) (update func(done, total int64), finish func())) error {
	if progress == nil {
		return c.rebuild(ctx, nil)
	}
	update, finish := progress(c)
	defer finish()
	return c.rebuild(ctx, update)
}

// rebuild does it for one dump.
func (c *Candidate) rebuild(ctx context.Context, update func(done, total int64)) error {
	src, err := c.openStored()
	if err != nil {
		c.notRebuilt(err)
		return nil
	}
	defer src.Close()
	page, err := c.firstPage(ctx, src, update)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = c.useRebuilt(src, page)
	}
	if err != nil {
		c.notRebuilt(err)
	}
	return nil
}

// errStillEncrypted says why nothing can be searched for.
var errStillEncrypted = fmt.Errorf("%w: the contents are encrypted", dumpfile.ErrNotRebuildable)

func (c *Candidate) firstPage(ctx context.Context, src *source, update func(done, total int64)) (*dumpfile.Rebuilt, error) {
	if c.Header != nil && c.Header.Encrypted() {
		return nil, errStillEncrypted
	}
	return dumpfile.Rebuild(ctx, src, src.size, c.kind, update)
}

// useRebuilt reads the dump with its new page from now on.
func (c *Candidate) useRebuilt(src *source, page *dumpfile.Rebuilt) error {
	r := page.Over(src)
	h, err := dumpfile.ParseHeader(r, src.size)
	if err != nil {
		return fmt.Errorf("the rebuilt header: %w", err)
	}
	c.rebuildTried = true
	c.Rebuilt, c.Header, c.Layout = page, h, h.Layout(r, src.size)
	c.Problems = append(c.Problems, c.Layout.Problems...)
	c.measure()
	c.Why = "a later boot zeroed its first page, which was rebuilt from what the dump holds"
	if c.Missing.Bytes > 0 {
		c.Why += "; " + c.Missing.Words()
	}
	c.Stale = c.staleness()
	return nil
}

// notRebuilt leaves the dump without a header, for whoever can do something with its
// pages.
func (c *Candidate) notRebuilt(err error) {
	c.rebuildTried = true
	c.problem(err)
	c.Why = "a later boot zeroed its first page, which could not be rebuilt"
	if errors.Is(err, dumpfile.ErrNotRebuildable) {
		c.Why = fmt.Sprintf("a later boot zeroed its first page: %v", err)
	}
}
