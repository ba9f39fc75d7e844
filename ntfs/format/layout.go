package format

// Layout tells where a volume's files landed.
type Layout struct {
	SectorSize  int
	ClusterSize int
	RecordSize  int
	Files       map[string]File // by slash-separated path; system files as "$MFT"
}

// File is a file's place.
type File struct {
	Record     int64 // number of its MFT record
	Sequence   uint16
	Extensions int      // further MFT records
	Resident   bool     // the contents are in the record
	Extents    []Extent // of the contents, in file order, all clusters
}

// Extent is a piece of a file that lies in one piece on the volume, in bytes.
type Extent struct {
	FileOffset   int64
	DeviceOffset int64 // -1 = a hole
	Length       int64
}

func (v *volume) layout() *Layout {
	l := &Layout{
		SectorSize: int(v.g.sectorSize), ClusterSize: int(v.g.clusterSize), RecordSize: v.g.recordSize,
		Files: make(map[string]File, len(v.users)+len(v.system)),
	}
	for n := range v.nodes() {
		if n.name != "" && n.flags&recordInUse != 0 {
			l.Files[n.path()] = n.file(v.g)
		}
	}
	return l
}

func (n *node) file(g geometry) File {
	f := File{Record: int64(n.number), Sequence: sequenceOf(n.number), Extensions: max(0, len(n.packed)-1)}
	s := n.unnamed()
	if s == nil {
		return f
	}
	f.Resident = s.resident()
	f.Extents = make([]Extent, len(s.runs))
	offset := int64(0)
	for i, r := range s.runs {
		f.Extents[i] = Extent{offset, -1, r.len * g.clusterSize}
		if r.lcn != hole {
			f.Extents[i].DeviceOffset = int64(r.lcn) * g.clusterSize
		}
		offset += f.Extents[i].Length
	}
	return f
}
