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
	if err := p.checkUnchanged(h); err != nil {
		return false, err
	}
	var created []string
	for _, c := range p.Changes {
		made, err := c.apply(h)
		if err != nil {
			return false, fmt.Errorf(`%s\%s: %w`, c.Key, c.Name, err)
		}
		created = append(created, made...)
	}
	if err := p.cleanUp(h); err != nil {
		return false, err
	}
	if rec == nil {
		return false, nil
	}
	rec.fill(p.Changes, created)
	return rec.store(h)
}

// checkUnchanged makes sure that the hive is the one the plan was made for.
func (p *Plan) checkUnchanged(h *hive.Hive) error {
	for _, c := range p.Changes {
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

// cleanUp removes created keys that are empty again, and the record that is taken back.
func (p *Plan) cleanUp(h *hive.Hive) error {
	for _, key := range p.RemoveKeys {
		if err := deleteIfEmpty(h, key); err != nil {
			return fmt.Errorf("remove key %s: %w", key, err)
		}
	}
	if p.forget == "" {
		return nil
	}
	return forget(h, p.forget)
}
