package format

import (
	"bytes"

	"hangkit/ntfs/internal/lznt1"
)

// compress turns the contents of a compressed stream into what its clusters
// hold, unit by unit, and returns the holes: those it has, units of zeros, and
// the clusters a unit saves.
func (s *stream) compress(g geometry, clusters int64, holes runList) (runList, error) {
	const unitClusters = 1 << compressionUnit
	unit := g.clusterSize * unitClusters
	image := make([]byte, clusters*g.clusterSize)
	if err := s.load(image); err != nil {
		return nil, err
	}
	for _, h := range holes {
		clear(image[int64(h.lcn)*g.clusterSize:][:h.len*g.clusterSize])
	}
	var saved runList
	for vcn := int64(0); vcn < clusters; vcn += unitClusters {
		contents := image[vcn*g.clusterSize:][:unit]
		packed := packUnit(contents)
		if used := g.clustersFor(int64(len(packed))); used < unitClusters {
			clear(contents[copy(contents, packed):])
			saved = append(saved, run{LCN(vcn + used), unitClusters - used})
		}
	}
	s.source, s.written = bytes.NewReader(image), []Range{{0, int64(len(image))}}
	return saved, nil
}

// packUnit compresses a unit; one of zeros becomes nothing.
func packUnit(contents []byte) []byte {
	if len(bytes.Trim(contents, "\x00")) == 0 {
		return nil
	}
	return lznt1.Encode(nil, contents)
}

// load reads the contents from the source.
func (s *stream) load(p []byte) error {
	for _, r := range s.written {
		if err := readFull(s.source, p[r.Off:][:r.Len], r.Off); err != nil {
			return err
		}
	}
	return nil
}
