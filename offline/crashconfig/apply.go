package crashconfig

import (
	"fmt"

	"hangkit/hive"
)

// Apply makes the plan's changes in a hive in memory; writing it out is the caller's. Given a record, it fills that in
// and stores a copy in the hive itself. When the hive has no room for the copy, the plan is carried out all the same and
// stored is false: the record must then be kept elsewhere. After any error the hive is half changed and must be thrown
// away.
func (p *Plan) Apply(h *hive.Hive, rec *Record) (stored bool, err error) {
	created, err := p.make(h)
	if err != nil {
		return false, err
	}
	if p.forget != "" {
		if err := forget(h, p.forget); err != nil {
			return false, err
		}
	}
	if rec == nil {
		return false, nil
	}
	rec.fill(p.Changes, created)
	return rec.store(h)
}

// make makes the changes and returns the keys that were created for them, parents first.
func (e *Edits) make(h *hive.Hive) (created []string, err error) {
	if err := e.checkUnchanged(h); err != nil {
		return nil, err
	}
	for _, c := range e.Changes {
		made, err := c.apply(h)
		if err != nil {
			return nil, fmt.Errorf(`%s\%s: %w`, c.Key, c.Name, err)
		}
		created = append(created, made...)
	}
	for _, key := range e.RemoveKeys {
		if err := deleteIfEmpty(h, key); err != nil {
			return nil, fmt.Errorf("remove key %s: %w", key, err)
		}
	}
	return created, nil
}

// checkUnchanged makes sure that the hive is the one the plan was made for.
func (e *Edits) checkUnchanged(h *hive.Hive) error {
	for _, c := range e.Changes {
		if now := valueAt(h, c.Key, c.Name); !same(now, c.Old) {
			return fmt.Errorf(`%w: %s\%s`, ErrChanged, c.Key, c.Name)
		}
	}
	return nil
}

// apply makes one change and returns the keys it had to create, parents first.
func (c Change) apply(h *hive.Hive) (created []string, err error) {
	if c.New == nil {
		return nil, h.DeleteValue(c.Key, c.Name)
	}
	if created, err = h.CreateKey(c.Key); err != nil {
		return nil, err
	}
	return created, h.SetValue(c.Key, *c.New)
}
