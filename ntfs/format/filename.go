package format

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// namespace of a file name.
type namespace byte

const (
	namespacePOSIX       namespace = 0 // any name, case counts
	namespaceWin32       namespace = 1 // the long name of a pair
	namespaceDOS         namespace = 2 // the 8.3 name of a pair
	namespaceWin32AndDOS namespace = 3 // a long name that is a legal 8.3 name itself
)

// Fields of $FILE_NAME.
const (
	nameParent     = 0x00
	nameTimes      = 0x08
	nameAllocated  = 0x28
	nameDataSize   = 0x30
	nameAttributes = 0x38
	nameReparseTag = 0x3c
	nameLength     = 0x40
	nameNamespace  = 0x41
	nameText       = 0x42
)

// fileName is the value of $FILE_NAME, in a record or as a key of $I30.
type fileName struct {
	parent     recordRef
	times      fileTimes
	allocated  int64
	dataSize   int64
	attributes FileAttributes
	reparseTag uint32
	namespace  namespace
	name       string
}

func (n fileName) encode() []byte {
	text := utf16Bytes(n.name)
	b := make([]byte, nameText, nameText+len(text))
	le.PutUint64(b[nameParent:], uint64(n.parent))
	n.times.put(b[nameTimes:])
	le.PutUint64(b[nameAllocated:], uint64(n.allocated))
	le.PutUint64(b[nameDataSize:], uint64(n.dataSize))
	le.PutUint32(b[nameAttributes:], uint32(n.attributes))
	le.PutUint32(b[nameReparseTag:], n.reparseTag)
	b[nameLength] = byte(len(text) / 2)
	b[nameNamespace] = byte(n.namespace)
	return append(b, text...)
}

// maxNameLength is the longest name, in UTF-16 units.
const maxNameLength = 255

// forbiddenInNames are the characters Win32 takes for something else.
const forbiddenInNames = `\/:*?"<>|`

// checkName accepts what Windows itself could create and open.
func checkName(name string) error {
	switch n := utf16Len(name); {
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: name is not UTF-8", ErrOptions)
	case n == 0 || n > maxNameLength:
		return fmt.Errorf("%w: name of %d UTF-16 units, want 1 to %d", ErrOptions, n, maxNameLength)
	case strings.ContainsAny(name, forbiddenInNames) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return fmt.Errorf("%w: character not allowed in a name", ErrOptions)
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return fmt.Errorf("%w: name ends in a dot or space", ErrOptions)
	}
	return nil
}

// Parts of an 8.3 name.
const (
	maxShortBase = 8
	maxShortExt  = 3
)

// isShortName tells whether name is a legal upper-case 8.3 name.
func isShortName(name string) bool {
	base, ext, dotted := strings.Cut(name, ".")
	if base == "" || len(base) > maxShortBase || len(ext) > maxShortExt || dotted && ext == "" {
		return false
	}
	return !strings.ContainsFunc(base+ext, notInShortName)
}

func notInShortName(r rune) bool {
	return r <= ' ' || r >= 0x7f || r >= 'a' && r <= 'z' || strings.ContainsRune(`.+,;=[]`+forbiddenInNames, r)
}

func namespaceOf(name string) namespace {
	if isShortName(name) {
		return namespaceWin32AndDOS
	}
	return namespacePOSIX
}
