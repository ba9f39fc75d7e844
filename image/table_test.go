package image

import (
	"testing"
)

const mib = 1 << 20

func TestCreateGPT(t *testing.T) {
	t.Parallel()
	for _, sector := range []int{512, 4096} {
		d := NewMemory(64*mib, sector)
		table, err := CreateGPT(d, []NewPartition{
			{Type: TypeEFISystem, Name: "EFI", Size: 8 * mib},
			{Type: TypeBasicData, Name: "Windows"},
		}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(table.Partitions) != 2 || table.Partitions[1].Start != 9*mib || table.Partitions[1].End() != 63*mib {
			t.Errorf("sector %d: partitions %+v", sector, table.Partitions)
		}
		if len(table.Warnings) != 0 {
			t.Errorf("sector %d: warnings %q", sector, table.Warnings)
		}
	}
}
