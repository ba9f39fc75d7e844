package hive

// valueIndex finds a key's values by name. The bins keep the one of the key with many values that was
// searched last: without it, setting tens of thousands of values of one key takes time by their square.
type valueIndex struct {
	list  uint32            // the cell of the key's list
	count uint32            // entries of the list
	cells map[string]uint32 // by the name in upper case; of equal names the first in the list
	twice bool              // some names are equal, which only a damaged hive has
}

// manyValues is from how many values on an index is worth its making.
const manyValues = 256

func (x *valueIndex) of(n keyNode) bool {
	return x != nil && x.list == n.valueList() && x.count == n.valueCount()
}

// indexValues makes the index of a key's values.
func (b *binData) indexValues(n keyNode, list valueList) (*valueIndex, error) {
	x := &valueIndex{n.valueList(), n.valueCount(), make(map[string]uint32, list.len()), false}
	for i := range list.len() {
		v, err := b.keyValue(list.offset(i))
		if err != nil {
			return nil, err
		}
		x.add(v, list.offset(i))
	}
	return x, nil
}

func (x *valueIndex) add(v keyValue, off uint32) {
	name := v.stored().upper()
	if _, known := x.cells[name]; known {
		x.twice = true
		return
	}
	x.cells[name] = off
}

// listed follows a value that was put at the end of the list, which now is at list.
func (x *valueIndex) listed(v keyValue, off, list uint32) {
	x.add(v, off)
	x.list, x.count = list, x.count+1
}

// unlisted follows a value that was taken out of the list. It says whether the index is still right:
// behind the first of two equal names the second would have to show.
func (x *valueIndex) unlisted(v keyValue) bool {
	delete(x.cells, v.stored().upper())
	x.count--
	return !x.twice
}
