package verify

// What the check remembers of each MFT record, in pages that appear when one
// of their records is used.
const pageRecords = 1 << 10

type recordState uint16

const (
	stateInUse          recordState = 1 << iota
	stateBase                       // no extension record
	stateDirectory                  // has $I30
	stateIndexes                    // has some index
	stateClaimed                    // an attribute list names this extension record
	stateUndecided                  // unreadable, or some of its records are: its names are unknown
	stateReferred                   // an index entry names it
	stateBrokenIndex                // not all entries of this directory could be seen
	stateClimbed                    // the way up from this directory has been gone
	stateReparse                    // has a $REPARSE_POINT,
	stateReparseListed              // which $R lists
	stateObjectID                   // has an $OBJECT_ID,
	stateObjectIDListed             // which $O lists
)

type recordPage struct {
	// names is the sum of hashes of the record's names less that of the entries
	// for it: zero when they are the same.
	names    [pageRecords]uint64
	sizes    [pageRecords]uint32 // a hash of the sizes an entry should show, 0 if it may show any
	parent   [pageRecords]uint32 // of the first name
	sequence [pageRecords]uint16
	links    [pageRecords]uint16 // names
	entries  [pageRecords]uint16 // seen in directories
	state    [pageRecords]recordState
}

type recordTable struct{ pages []*recordPage }

func newRecordTable(records int64) recordTable {
	return recordTable{make([]*recordPage, (records+pageRecords-1)/pageRecords)}
}

// at returns the page of a record and its place there, making the page if need be.
func (t recordTable) at(n int64) (*recordPage, int) {
	p := &t.pages[n/pageRecords]
	if *p == nil {
		*p = new(recordPage)
	}
	return *p, int(n % pageRecords)
}

func (t recordTable) state(n int64) recordState {
	if n < 0 || n >= int64(len(t.pages))*pageRecords || t.pages[n/pageRecords] == nil {
		return 0
	}
	return t.pages[n/pageRecords].state[n%pageRecords]
}

func (t recordTable) set(n int64, s recordState) {
	p, i := t.at(n)
	p.state[i] |= s
}

// each visits the records that have all of the states, in order.
func (t recordTable) each(s recordState, visit func(n int64, p *recordPage, i int) error) error {
	for number, p := range t.pages {
		if p == nil {
			continue
		}
		for i := range pageRecords {
			if p.state[i]&s != s {
				continue
			}
			if err := visit(int64(number)*pageRecords+int64(i), p, i); err != nil {
				return err
			}
		}
	}
	return nil
}
