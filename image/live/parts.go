package live

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// Files of the packages that every processor has.
const (
	busyboxFile  = "usr/bin/busybox"
	isolinuxFile = "usr/lib/ISOLINUX/isolinux.bin"
	isohdpfxFile = "usr/lib/ISOLINUX/isohdpfx.bin"
	ldlinuxFile  = "usr/lib/syslinux/modules/bios/ldlinux.c32"
)

// kernelPackage is how the name of the package with the kernel begins; its release follows.
const kernelPackage = "linux-image-"

// maxFile is more than any file that is taken out of a package.
const maxFile = 128 << 20

// parts is what the packages hold of a medium.
type parts struct {
	kernel     []byte
	modules    *modules
	files      map[string][]byte
	provenance []Provenance
}

func (p *parts) sortedFiles() []string { return slices.Sorted(maps.Keys(p.files)) }

// wantedFiles are those of the packages but the kernel's.
func (a arch) wantedFiles() []string {
	list := []string{a.shim, a.grub, a.mok, busyboxFile}
	if a.hasBIOS {
		list = append(list, isolinuxFile, isohdpfxFile, ldlinuxFile)
	}
	return list
}

// unpackParts reads what is needed out of all packages of the lock file.
func unpackParts(ctx context.Context, a arch, o Options) (*parts, error) {
	p := &parts{files: map[string][]byte{}}
	if o.Kernel != "" {
		if err := p.ownKernel(o.Kernel, o.Modules); err != nil {
			return nil, fmt.Errorf("own kernel: %w", err)
		}
	}
	for _, pkg := range o.Lock.Packages {
		if o.Kernel != "" && strings.HasPrefix(pkg.Name, kernelPackage) {
			continue
		}
		if err := p.unpackPackage(ctx, a, o.Lock, pkg, o.Store); err != nil {
			return nil, fmt.Errorf("package %s %s: %w", pkg.Name, pkg.Version, err)
		}
	}
	if p.kernel == nil {
		return nil, fmt.Errorf("no package holds a kernel: %w", ErrFormat)
	}
	for _, name := range a.wantedFiles() {
		if p.files[name] == nil {
			return nil, fmt.Errorf("no package holds %s: %w", name, ErrFormat)
		}
	}
	return p, nil
}

func (p *parts) unpackPackage(ctx context.Context, a arch, lock *Lock, pkg Package, store *Store) error {
	file, err := store.Open(ctx, lock, pkg)
	if err != nil {
		return err
	}
	defer file.Close()
	p.provenance = append(p.provenance, Provenance{pkg.Name, pkg.Version, pkg.SHA256, pkg.Source})
	if release, ok := strings.CutPrefix(pkg.Name, kernelPackage); ok {
		return p.unpackKernel(ctx, release, file)
	}
	wanted := a.wantedFiles()
	return readDeb(file, func(name string, size int64, r io.Reader) error {
		if !slices.Contains(wanted, name) {
			return nil
		}
		data, err := readSized(r, size, maxFile)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.files[name] = data
		return nil
	})
}

// unpackKernel takes the kernel and those of its modules that are wanted.
func (p *parts) unpackKernel(ctx context.Context, release string, r io.Reader) error {
	all := newModules(release)
	dir := "lib/modules/" + release + "/"
	err := readDeb(r, func(name string, size int64, r io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		file, inModules := strings.CutPrefix(strings.TrimPrefix(name, "usr/"), dir)
		isKernel, isBuiltin := path.Base(name) == "vmlinuz-"+release, file == "modules.builtin"
		if !isKernel && (!inModules || !isBuiltin && !isModule(file)) {
			return nil
		}
		data, err := readSized(r, size, maxFile)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		case isKernel:
			p.kernel = data
		case isBuiltin:
			all.builtin = data
		default:
			all.add(file, data)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if p.kernel == nil || len(all.byName) == 0 {
		return fmt.Errorf("no kernel %s with modules in it: %w", release, ErrFormat)
	}
	p.modules, err = all.choose(isChosen)
	return err
}
