package ntfs_test

import (
	"fmt"
	"testing"

	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/ntfs/ntfstest"
)

// TestOracleReplaceInRoot replaces every file of a root directory of which the
// record itself holds names: with large clusters it has a mirror.
func TestOracleReplaceInRoot(t *testing.T) {
	o := format.Options{ClusterSize: 64 << 10}
	for i := range 60 {
		o.Root = append(o.Root, format.Entry{Name: fmt.Sprintf("file %02d", i), Data: patterned(5000)})
	}
	m, _ := build(t, 64<<20, o)
	for i := range 60 {
		c, err := open(t, m).PlanReplace(fmt.Sprintf("file %02d", i), patterned(70_000), ntfs.ReplaceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ntfstest.ApproveStructure(t, imageOf(t, m).Name())
}
