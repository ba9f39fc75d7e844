package format_test

import (
	"fmt"
	"log"

	"hangkit/ntfs/format"
)

// A page file whose first bytes matter, in a thousand pieces, and whose other
// bytes are never written.
func Example() {
	device := newMemory(64 << 30) // anything with WriteAt and Size
	layout, err := format.Build(device, format.Options{
		Label: "Windows",
		Seed:  1,
		Root: []format.Entry{
			{Name: "Windows", Dir: []format.Entry{{Name: "MEMORY.DMP", Data: []byte("PAGEDU64")}}},
			{
				Name: "pagefile.sys", Attributes: format.AttrHidden | format.AttrSystem,
				Data: []byte("PAGEDU64"), Size: 16 << 30, Fragments: 1000,
			},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	page := layout.Files["pagefile.sys"]
	fmt.Println(len(page.Extents), "extents,", 1+page.Extensions, "MFT records")
	fmt.Println("the dump is resident:", layout.Files["Windows/MEMORY.DMP"].Resident)
	// Output:
	// 1000 extents, 8 MFT records
	// the dump is resident: true
}
