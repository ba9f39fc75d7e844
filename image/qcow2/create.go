package qcow2

import (
	"fmt"

	"hangkit/image/container"
)

// defaultCluster is the cluster size that QEMU takes.
const defaultCluster = 64 << 10

// Options are what a new disk is made with.
type Options struct {
	Size    int64 // bytes
	Cluster int64 // 0 for 64 KiB
	Version int   // 0 for 3
}

// Create makes an empty image in an empty storage and opens it.
//
// Its clusters: header, refcount table, first refcount block, L1 table.
func Create(s container.Storage, o Options) (*container.Disk, error) {
	if o.Cluster == 0 {
		o.Cluster = defaultCluster
	}
	h := newHeader(o)
	if err := h.validate(); err != nil {
		return nil, fmt.Errorf("new qcow2: %w", err)
	}
	clusters := 3 + (h.l1Size()*entrySize+o.Cluster-1)/o.Cluster
	counts := make([]byte, o.Cluster)
	if clusters > o.Cluster/refcountSize {
		return nil, fmt.Errorf("new qcow2 of %d bytes in clusters of %d: %w", o.Size, o.Cluster, container.ErrUnsupported)
	}
	for i := range clusters {
		be.PutUint16(counts[refcountSize*i:], 1)
	}
	for _, part := range []container.Change{
		{Off: 0, Data: h[:h.length()]},
		{Off: o.Cluster, Data: be.AppendUint64(nil, uint64(2*o.Cluster))},
		{Off: 2 * o.Cluster, Data: counts},
	} {
		if _, err := s.WriteAt(part.Data, part.Off); err != nil {
			return nil, err
		}
	}
	if err := container.Extend(s, clusters*o.Cluster); err != nil {
		return nil, err
	}
	return Open(s, nil)
}

func newHeader(o Options) header {
	h := make(header, headerMax)
	copy(h, magic)
	be.PutUint32(h[headerVersion:], 3)
	be.PutUint32(h[headerClusterBits:], uint32(log2(o.Cluster)))
	be.PutUint64(h[headerSize:], uint64(o.Size))
	perL1 := o.Cluster * o.Cluster / entrySize
	be.PutUint32(h[headerL1Size:], uint32((o.Size+perL1-1)/perL1))
	be.PutUint64(h[headerL1Off:], uint64(3*o.Cluster))
	be.PutUint64(h[headerRefcountOff:], uint64(o.Cluster))
	be.PutUint32(h[headerRefcountLen:], 1)
	be.PutUint32(h[headerOrder:], plainOrder)
	be.PutUint32(h[headerLength:], headerLen3)
	if o.Version == 2 {
		be.PutUint32(h[headerVersion:], 2)
		clear(h[headerIncompatible:])
	}
	return h
}
