package collect_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	slash "path"
	"strconv"
	"strings"
	"testing"
)

// foreign are the packages of others that the room needs, and who may import them.
var foreign = map[string]string{
	"filippo.io/age":                     ".",
	"github.com/klauspost/compress/zstd": "seekable",
}

// TestImports keeps the room to the standard library, itself, and one packer and
// one cipher at its edge: dumps are read from any file system, settings come as
// parameters, and the formats can be taken out of this project with nothing
// hanging on.
func TestImports(t *testing.T) {
	t.Parallel()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, i := range f.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			own := path == "hangkit/collect" || strings.HasPrefix(path, "hangkit/collect/")
			dir, known := foreign[path]
			allowed := own || known && dir == slash.Dir(name)
			if (strings.Contains(first, ".") || first == "hangkit") && !allowed {
				t.Errorf("%s imports %s", name, path)
			}
			if own && strings.HasPrefix(name, "dumpfile/") && !strings.HasPrefix(path, "hangkit/collect/dumpfile/") {
				t.Errorf("%s imports %s: the formats know no collection", name, path)
			}
			if path == "hangkit/collect/dumptest" {
				t.Errorf("%s imports the maker of test dumps", name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
