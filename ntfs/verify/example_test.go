package verify_test

import (
	"context"
	"fmt"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

func ExampleCheck() {
	disk := newMemory(16 << 20)
	if err := format.Write(disk, format.Options{VolumeFlags: format.VolumeDirty}); err != nil {
		fmt.Println(err)
		return
	}
	report, err := verify.Check(context.Background(), disk, disk.Size(), verify.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range report.Findings {
		fmt.Println(f)
	}
	worst, _ := report.Worst(verify.VolumeFlags) // which is known already
	fmt.Println("beside that:", worst, "- clean:", report.Clean())
	// Output:
	// dangerous: record 3: $Volume: flags (at 0x556d18): want nothing left to do, got 0x1
	// beside that: note - clean: false
}
