package live

import (
	"fmt"
	"maps"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// describesMedium is where the running system reads what it was made of.
const describesMedium = "etc/hangkit-live.json"

// initrdWindow is the most history that the kernel's own unpacker is sure to have room for.
const initrdWindow = 8 << 20

// initrd packs the root file system: the program as init and as the kernel's modprobe, the
// modules as they were signed, a shell for rescue.
func initrd(program, busybox []byte, mods *modules, description []byte) ([]byte, error) {
	c := &cpio{}
	for _, dir := range []string{"dev", "proc", "sys", "run", "tmp", "root", "mnt", "media", "bin"} {
		c.dir(dir)
	}
	c.device("dev/console", 0o600, 5, 1) // the kernel opens it before anything is mounted
	c.file("init", 0o755, program)
	c.symlink("sbin/modprobe", "/init")
	c.symlink("bin/hangkit", "/init")
	if busybox != nil {
		c.file("bin/busybox", 0o755, busybox)
		c.symlink("bin/sh", "/bin/busybox")
	}
	c.file(describesMedium, 0o644, description)
	c.modules(mods)
	return pack(c.finish())
}

func (c *cpio) modules(mods *modules) {
	dir := "lib/modules/" + mods.release + "/"
	lists := mods.lists()
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		c.file(dir+name, 0o644, lists[name])
	}
	for _, mod := range mods.sorted() {
		c.file(dir+mod.path, 0o644, mod.data)
	}
}

// pack compresses for the kernel. One encoder in one go gives the same bytes on every machine.
func pack(plain []byte) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(initrdWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("initrd: %w", err)
	}
	defer enc.Close()
	return enc.EncodeAll(plain, nil), nil
}
