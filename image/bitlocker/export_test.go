package bitlocker

import (
	"testing"

	"hangkit/image"
)

// RelocatedOf is where a volume's boot sectors are kept.
func RelocatedOf(t *testing.T, d image.Disk) image.Range {
	t.Helper()
	l, err := Open(d)
	if err != nil {
		t.Fatal(err)
	}
	return l.copies[0].relocated(l.boot.sector)
}
