package live

import (
	"io/fs"
	"os"
	"path/filepath"
)

// ownKernel takes a kernel that somebody built, with the folder of its modules,
// lib/modules/<release>, as "make modules_install" leaves it.
func (p *parts) ownKernel(kernel, dir string) (err error) {
	if p.kernel, err = readFile(kernel); err != nil {
		return err
	}
	all := newModules(filepath.Base(filepath.Clean(dir)))
	tree := os.DirFS(dir)
	err = fs.WalkDir(tree, "kernel", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isModule(name) {
			return err
		}
		data, err := readFile(filepath.Join(dir, filepath.FromSlash(name)))
		all.add(name, data)
		return err
	})
	if err != nil {
		return err
	}
	if all.builtin, err = readFile(filepath.Join(dir, "modules.builtin")); err != nil {
		return err
	}
	p.provenance = append(p.provenance, Provenance{Name: "kernel " + all.release, Version: all.release, Source: "built by its user"})
	p.modules, err = all.choose(isChosen)
	return err
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readBounded(file, maxFile)
}
