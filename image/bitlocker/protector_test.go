package bitlocker

import "testing"

// TestManyProtectors bounds what a hostile volume costs.
func TestManyProtectors(t *testing.T) {
	t.Parallel()
	d := make([]byte, datumHeader+vmkDatumsOff)
	le.PutUint16(d, uint16(len(d)))
	le.PutUint16(d[2:], uint16(roleVMK))
	le.PutUint16(d[4:], uint16(typeVMK))
	block := make([]byte, minBlock)
	for range 3 * maxProtectors {
		block = append(block, d...)
	}
	le.PutUint32(block[datasetOff+datasetStartOff:], datasetHeader)
	le.PutUint32(block[datasetOff+datasetEndOff:], uint32(len(block)-datasetOff))
	if got := len(metadata{block: block}.masterKeys()); got != maxProtectors {
		t.Errorf("%d protectors, want %d", got, maxProtectors)
	}
}
