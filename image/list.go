package image

// DeviceInfo describes a whole disk of this machine.
type DeviceInfo struct {
	Path       string   // "/dev/nvme0n1"
	Size       int64    // bytes
	SectorSize int      // logical, bytes
	Model      string   // as the drive says, may be empty
	Serial     string   // as the drive says, may be empty
	Removable  bool     // the medium can be taken out
	ReadOnly   bool     // the kernel refuses writes
	Mounts     []string // where the disk and its partitions are mounted
	Holders    []string // devices made of it: "dm-0 (vg-root)", "md127"
}
