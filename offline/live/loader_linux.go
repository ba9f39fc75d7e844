package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// compressedModule lets the kernel unpack a module itself (MODULE_INIT_COMPRESSED_FILE
// in linux/module.h), so that its signature is checked over what was signed.
const compressedModule = 4

// loader puts modules into the kernel, each once.
type loader struct {
	dir    string
	tables *Tables

	mu   sync.Mutex
	done map[string]*attempt
}

type attempt struct {
	once sync.Once
	err  error
}

// newLoader reads the tables of the running kernel.
func newLoader() (*loader, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("kernel release: %w", err)
	}
	l := &loader{dir: filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:])), done: map[string]*attempt{}}
	var text [4]string
	var problem error
	for i, name := range []string{"modules.dep", "modules.alias", "modules.softdep", "modules.builtin"} {
		b, err := os.ReadFile(filepath.Join(l.dir, name))
		if err != nil && i < 2 { // without the others it works as well
			problem = errors.Join(problem, err)
		}
		text[i] = string(b)
	}
	l.tables = ParseTables(text[0], text[1], text[2], text[3])
	return l, problem
}

// load loads what serves an alias or bears a name. A module that finds no device of its
// own says so, which is no failure.
func (l *loader) load(alias string) error {
	var errs []error
	for _, name := range l.tables.Match(alias) {
		for _, step := range l.tables.Order(name) {
			if err := l.loadOne(step); err != nil && !errors.Is(err, unix.ENODEV) {
				errs = append(errs, fmt.Errorf("module %s: %w", step, err))
			}
		}
	}
	return errors.Join(errs...)
}

// loadOne loads one module, whatever it needs being there. No lock is held meanwhile:
// other modules may need it to be found.
func (l *loader) loadOne(name string) error {
	l.mu.Lock()
	a := l.done[name]
	if a == nil {
		a = &attempt{}
		l.done[name] = a
	}
	l.mu.Unlock()
	first := false
	a.once.Do(func() {
		first = true
		a.err = l.insert(l.tables.modules[name].file)
	})
	if !first {
		return nil // told by whoever was first
	}
	return a.err
}

func (l *loader) insert(file string) error {
	f, err := os.Open(filepath.Join(l.dir, file))
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if !strings.HasSuffix(file, ".ko") {
		flags = compressedModule
	}
	err = unix.FinitModule(int(f.Fd()), "", flags)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Modprobe is /sbin/modprobe: the kernel asks it for file systems, algorithms and
// character sets, as "modprobe -q -- NAME".
func Modprobe(args []string) int {
	if len(args) == 0 {
		return statusUsage
	}
	l, err := newLoader()
	if err != nil {
		return 1
	}
	name := args[len(args)-1]
	if len(l.tables.Match(name)) == 0 && !l.tables.Builtin(name) {
		return 1
	}
	if l.load(name) != nil {
		return 1
	}
	return 0
}
