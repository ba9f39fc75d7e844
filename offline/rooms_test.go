package offline

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is one part of the program: what it may import beside the standard library,
// and why it may not import more. The lists are exact, so that a new arrow is seen
// and argued for here.
type room struct {
	dir     string // with every package below it, except those of other rooms
	imports []string
	why     string
}

var rooms = []room{
	{dir: ".", imports: []string{"hangkit/offline"},
		why: "main.go only hands over to the program"},
	{dir: "offline", imports: []string{
		"hangkit/collect", "hangkit/collect/dumpfile", "hangkit/collect/dumptest", "hangkit/collect/eventlog", "hangkit/collect/logs", "hangkit/collect/report", "hangkit/collect/safejson", "hangkit/collect/seekable", "hangkit/hive", "hangkit/hive/regtext", "hangkit/image", "hangkit/image/bitlocker", "hangkit/image/bitlocker/format", "hangkit/image/container", "hangkit/image/fat", "hangkit/image/fat/fattest", "hangkit/image/live", "hangkit/image/qcow2", "hangkit/image/vhd", "hangkit/image/vhdx", "hangkit/image/wim", "hangkit/ntfs", "hangkit/ntfs/format", "hangkit/ntfs/verify",
		"hangkit/offline/crashconfig", "hangkit/offline/live", "hangkit/offline/target", "hangkit/offline/windows", "hangkit/offline/windows/sample",
		"github.com/alecthomas/kong", "github.com/schollz/progressbar/v3", "golang.org/x/sys/unix", "golang.org/x/sys/windows", "golang.org/x/term"},
		why: "the program may use every room; only it knows a terminal"},
	{dir: "offline/target", imports: []string{"hangkit/image", "hangkit/image/bitlocker", "hangkit/image/fat", "hangkit/image/wim", "hangkit/ntfs", "golang.org/x/sys/unix", "golang.org/x/sys/windows"},
		why: "a target opens disks and volumes and does not care what Windows keeps on them"},
	{dir: "offline/windows", imports: []string{"hangkit/hive", "github.com/ulikunitz/xz"},
		why: "an installation is files and hives, wherever the volume came from; xz unpacks samples for the tests"},
	{dir: "offline/crashconfig", imports: []string{"hangkit/hive", "hangkit/offline/windows"},
		why: "rules and plans are judged on facts and must be testable without a disk"},
	{dir: "offline/live", imports: []string{"golang.org/x/sys/unix"},
		why: "the first process of the live medium knows the kernel and hangkit's command line, nothing of Windows: what can break it must be little"},
	{dir: "image", imports: []string{"hangkit/ntfs/chunked", "github.com/diskfs/go-diskfs/backend", "github.com/diskfs/go-diskfs/partition/gpt", "github.com/google/uuid", "github.com/klauspost/compress/flate", "github.com/klauspost/compress/zlib", "github.com/klauspost/compress/zstd", "github.com/ulikunitz/xz", "golang.org/x/sys/cpu", "golang.org/x/sys/unix", "golang.org/x/sys/windows"},
		why: "a disk knows partitions, not dumps or commands"},
	{dir: "hive", imports: []string{"www.velocidex.com/golang/regparser"},
		why: "the registry format stands alone, so that any program can use it"},
	{dir: "ntfs", imports: []string{"www.velocidex.com/golang/go-ntfs/parser"},
		why: "a volume is opened on any ReaderAt and knows no sibling"},
	{dir: "ntfs/verify", imports: nil,
		why: "the checker knows the format by itself: a writer's mistakes must not be its own, and a writer must be able to ask it"},
	{dir: "ntfs/ntfstest", imports: []string{"hangkit/image/imagetest", "hangkit/ntfs", "hangkit/ntfs/format", "hangkit/ntfs/verify"},
		why: "in tests every reader and every checker judges a volume, ours too"},
	{dir: "collect", imports: []string{"filippo.io/age", "github.com/klauspost/compress/zstd"},
		why: "dumps are read from any file system; beside the standard library only what packs and encrypts them"},
}

func TestRoomImports(t *testing.T) {
	for _, r := range rooms {
		t.Run(path.Join("hangkit", r.dir), func(t *testing.T) {
			got := importsOf(t, r.dir)
			for _, imp := range got {
				if !slices.Contains(r.imports, imp) {
					t.Errorf("imports %s, which its list does not allow: %s", imp, r.why)
				}
			}
			for _, imp := range r.imports {
				if !slices.Contains(got, imp) {
					t.Errorf("its list allows %s, which nothing imports any more", imp)
				}
			}
		})
	}
}

// importsOf lists what the code of a room imports beside the standard library and
// its own packages, on every platform.
func importsOf(t *testing.T, dir string) []string {
	t.Helper()
	root := filepath.Join("..", dir)
	var imports []string
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipForeign(t, dir, name)
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if isForeign(imp) && !isOwn(dir, imp) && !slices.Contains(imports, imp) {
				imports = append(imports, imp)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

// skipForeign keeps the walk of one room out of the others.
func skipForeign(t *testing.T, dir, name string) error {
	t.Helper()
	rel, err := filepath.Rel("..", name)
	if err != nil {
		return err
	}
	rel = filepath.ToSlash(rel)
	if rel == dir {
		return nil
	}
	other := slices.ContainsFunc(rooms, func(r room) bool { return r.dir == rel })
	if dir == "." || other || path.Base(rel) == "testdata" {
		return fs.SkipDir
	}
	return nil
}

// isOwn tells whether an imported package belongs to the room itself.
func isOwn(dir, imp string) bool {
	rel := strings.TrimPrefix(imp, "hangkit/")
	owner := ""
	for _, r := range rooms {
		if (rel == r.dir || strings.HasPrefix(rel, r.dir+"/")) && len(r.dir) > len(owner) {
			owner = r.dir
		}
	}
	return owner == dir
}

// isForeign tells a module's path from the standard library's.
func isForeign(imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	return first == "hangkit" || strings.Contains(first, ".")
}

// TestTopLevel keeps the top of the tree as the architecture names it.
func TestTopLevel(t *testing.T) {
	allowed := []string{"offline", "hive", "ntfs", "collect", "image", "scripts", "go.mod", "go.sum", "justfile", "README.md", "main.go", "LICENSE", "dist", "hangkit"}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s does not belong at the top", e.Name())
		}
	}
}
