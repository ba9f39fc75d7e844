package image_test

import (
	"fmt"
	"log"

	"hangkit/image"
)

// A dry run: the partition of a disk is written through an overlay, and the
// disk keeps its bytes.
func Example() {
	disk := image.NewMemory(64<<20, 512)
	_, err := image.CreateGPT(disk, []image.NewPartition{
		{Type: image.TypeEFISystem, Name: "EFI system partition", Size: 16 << 20},
		{Type: image.TypeBasicData, Name: "Basic data partition"},
	}, 1)
	if err != nil {
		log.Fatal(err)
	}

	overlay := image.NewOverlay(disk)
	table, err := image.ReadTable(overlay)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range table.Partitions {
		fmt.Printf("%d %s: %d MiB\n", p.Number, p.TypeName, p.Size>>20)
	}
	volume, err := table.Open(overlay, table.Partitions[1])
	if err != nil {
		log.Fatal(err)
	}
	if _, err := volume.WriteAt([]byte("new"), 4096); err != nil {
		log.Fatal(err)
	}
	fmt.Println("would be written:", overlay.Dirty())
	// Output:
	// 1 EFI System: 16 MiB
	// 2 Basic data: 46 MiB
	// would be written: [0x1101000-0x1101003]
}
