package verify

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
)

// Options tell how to check. The zero value is usable.
type Options struct {
	// MaxFindings is how many findings are kept; the rest is counted. 0 means 1000.
	MaxFindings int
	// Progress, if set, is told how many MFT records have been seen.
	Progress func(done, total int64)
}

const defaultMaxFindings = 1000

// ErrTruncated says that the device ended before the volume did.
var ErrTruncated = errors.New("device is shorter than its NTFS volume")

// checker is one check under way.
type checker struct {
	ctx         context.Context
	dev         io.ReaderAt
	size        int64
	maxFindings int
	progress    func(done, total int64)
	report      *Report
	geometry    geometry

	mft      *stream
	mftBits  []byte // $MFT's $BITMAP
	records  int64
	table    recordTable
	unread   []unreadable
	owned    clusterSet
	overlaps int64 // clusters found to be owned already

	crossings []crossing
	budget    int64 // bytes of metadata that may still be read

	fold     foldings
	catalogs [2]catalog
	security map[uint32]struct{} // the ids $Secure knows; nil if it could not be read
	seed     maphash.Seed
}

// Check checks the NTFS volume that r holds from offset 0, size bytes long.
// What is wrong with the volume is in the report; the error says that the check
// could not be carried out: ErrNotNTFS, a read error or that of ctx.
func Check(ctx context.Context, r io.ReaderAt, size int64, o Options) (*Report, error) {
	c := &checker{
		ctx: ctx, dev: r, size: size, maxFindings: o.MaxFindings, progress: o.Progress,
		report: &Report{Counts: map[Kind]int64{}}, seed: maphash.MakeSeed(), catalogs: catalogs(),
	}
	if c.maxFindings <= 0 {
		c.maxFindings = defaultMaxFindings
	}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("check NTFS volume: %w", err)
	}
	c.report.sort()
	return c.report, nil
}

func (c *checker) run() error {
	ok, err := c.openBoot()
	if err != nil {
		return err
	}
	if !ok {
		c.report.Incomplete = "the boot sector does not say where anything is"
		return nil
	}
	c.budget = readBudget(c.size)
	c.report.Clusters = c.geometry.clusters
	if err := c.openMFT(); err != nil {
		c.report.Incomplete = "$MFT cannot be read"
		return c.found(recordMFT, err)
	}
	for _, check := range []func() error{
		c.checkMirror, c.loadFoldings, c.loadSecurity, c.checkVolume, c.checkLog, c.checkAttrDef, c.loadRecordBitmap,
		c.scan, c.checkCrossings, c.checkPlaces, c.checkIndexes, c.checkNames, c.checkReach, c.checkCatalogs, c.checkLeftovers, c.checkBitmap,
	} {
		err := check()
		if errors.Is(err, errBudget) {
			c.report.Incomplete = "metadata is claimed so often that it is more than the volume holds"
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errBudget ends the check of a volume whose structures claim the same
// clusters over and over.
var errBudget = errors.New("more metadata than the volume can hold")

// readBudget is how much may be read of a volume: everything that is no
// contents, a few times, and some for tiny volumes.
func readBudget(size int64) int64 {
	const times, slack = 4, 64 << 20
	return min(size, 1<<60)*times + slack
}

func (c *checker) spend(n int64) error {
	if c.budget -= n; c.budget < 0 {
		return errBudget
	}
	return nil
}

// read fills p; a device that ends before is ErrTruncated.
func (c *checker) read(p []byte, off int64) error {
	n, err := c.dev.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		err = ErrTruncated
	}
	return fmt.Errorf("read %d bytes at 0x%x: %w", len(p), off, err)
}

// bit returns bit n of a bitmap, clear behind its end.
func bit(b []byte, n int64) bool {
	return n/8 < int64(len(b)) && b[n/8]>>(n%8)&1 != 0
}
