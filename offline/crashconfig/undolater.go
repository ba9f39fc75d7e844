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
func (list arms) values() laterChanges {
	later := laterChanges{}
	for _, r := range list {
		later.add(r.ID, r.Changes)
	}
	return later
}

// elements are the values of the boot store at a place.
func (list arms) elements(store *BootRecord) laterChanges {
	later := laterChanges{}
	for _, r := range list {
		if r.Boot != nil && strings.EqualFold(r.Boot.Path, store.Path) && r.Boot.Serial == store.Serial {
			later.add(r.ID, r.Boot.Changes)
		}
	}
	return later
}

func (l laterChanges) add(id string, changes []RecordedChange) {
	for _, c := range changes {
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
