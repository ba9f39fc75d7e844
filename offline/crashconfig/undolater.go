package crashconfig

import (
	"strings"

	"hangkit/hive"
)

// arms are records of a hive.
type arms []*Record

// laterRecords are the records stored in a hive that are later than one.
func laterRecords(h *hive.Hive, rec *Record) (arms, error) {
	list, err := Records(h)
	var later arms
	for _, r := range list {
		if compareIDs(r.ID, rec.ID) > 0 {
			later = append(later, r)
		}
	}
	return later, err
}

// laterChanges maps values that later arms changed to the id of one of them.
type laterChanges map[string]string

func valueKey(key, name string) string { return strings.ToUpper(key + `\` + name) }

// values are the values of SYSTEM.
func (list arms) values(h *hive.Hive) laterChanges {
	later := laterChanges{}
	for _, r := range list {
		later.add(h, r.ID, r.Changes)
	}
	return later
}

// elements are the values of the boot store at a place.
func (list arms) elements(h *hive.Hive, store *BootRecord) laterChanges {
	later := laterChanges{}
	for _, r := range list {
		if r.Boot != nil && strings.EqualFold(r.Boot.Path, store.Path) && r.Boot.Serial == store.Serial {
			later.add(h, r.ID, r.Boot.Changes)
		}
	}
	return later
}

// add passes over what was taken back already: the record of an arm stays until nothing of it is left to undo.
func (l laterChanges) add(h *hive.Hive, id string, changes []RecordedChange) {
	for _, c := range changes {
		now := valueAt(h, c.Key, c.Name)
		if same(now, c.Old.value(c.Name)) && !same(now, c.New.value(c.Name)) {
			continue
		}
		l[valueKey(c.Key, c.Name)] = id
	}
}

// of is the later arm that changed a value; empty if none did.
func (l laterChanges) of(key, name string) string { return l[valueKey(key, name)] }

// below is a later arm that changed something in a key; empty if none did.
func (l laterChanges) below(key string) string {
	prefix := strings.ToUpper(key) + `\`
	for value, id := range l {
		if strings.HasPrefix(value, prefix) {
			return id
		}
	}
	return ""
}
