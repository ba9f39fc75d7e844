package hive

// keySet is the set of key nodes that get a new time, and how the edit under way has changed it.
type keySet struct {
	keys    map[uint32]struct{}
	changes []uint32 // keys put in or taken out
}

func newKeySet() keySet { return keySet{keys: map[uint32]struct{}{}} }

func (s *keySet) has(key uint32) bool {
	_, ok := s.keys[key]
	return ok
}

func (s *keySet) add(key uint32) {
	if !s.has(key) {
		s.flip(key)
	}
}

func (s *keySet) remove(key uint32) {
	if s.has(key) {
		s.flip(key)
	}
}

func (s *keySet) flip(key uint32) {
	s.changes = append(s.changes, key)
	if s.has(key) {
		delete(s.keys, key)
	} else {
		s.keys[key] = struct{}{}
	}
}

func (s *keySet) begin() { s.changes = s.changes[:0] }

func (s *keySet) rollback() {
	for _, key := range s.changes {
		s.flip(key)
	}
	s.begin()
}
