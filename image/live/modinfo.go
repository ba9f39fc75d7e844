package live

import (
	"bytes"
	"debug/elf"
	"fmt"
	"path"
	"strings"
)

// maxModule is more than any module unpacks to.
const maxModule = 64 << 20

// module is a kernel module as it was packaged, and what it says of itself.
type module struct {
	name string // with underscores, as the kernel has it
	path string // below lib/modules/<release>/, with its compression's ending
	data []byte // as packaged: the signature covers it
	info *modinfo
}

// modinfo is what a module says of itself in its section .modinfo.
type modinfo struct {
	depends   []string
	aliases   []string
	pre, post []string // modules that its loader should load before and after it
}

// moduleName is the kernel's name of a module file: dashes are underscores.
func moduleName(file string) string {
	base, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(base, "-", "_")
}

// isModule tells a module from the lists beside it.
func isModule(file string) bool {
	return strings.HasSuffix(file, ".ko") || strings.Contains(path.Base(file), ".ko.")
}

// inspect reads the module's .modinfo.
func (m *module) inspect() error {
	if m.info != nil {
		return nil
	}
	plain, err := unpack(path.Ext(m.path), m.data, maxModule)
	if err != nil {
		return fmt.Errorf("module %s: %w", m.path, err)
	}
	text, err := modinfoSection(plain)
	if err != nil {
		return fmt.Errorf("module %s: %w: %w", m.path, ErrFormat, err)
	}
	m.info = parseModinfo(text)
	return nil
}

// modinfoSection finds the section in an object file.
func modinfoSection(object []byte) ([]byte, error) {
	file, err := elf.NewFile(bytes.NewReader(object))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, nil
	}
	return section.Data()
}

// parseModinfo reads the fields, key=value, each ended by a zero byte.
func parseModinfo(text []byte) *modinfo {
	info := &modinfo{}
	for field := range strings.SplitSeq(string(text), "\x00") {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "depends":
			info.depends = append(info.depends, names(strings.FieldsFunc(value, func(r rune) bool { return r == ',' }))...)
		case "alias":
			if isOneWord(value) {
				info.aliases = append(info.aliases, value)
			}
		case "softdep":
			info.addSoft(value)
		}
	}
	return info
}

// isOneWord keeps what could not be told apart in a list by lines and blanks out of it.
func isOneWord(s string) bool {
	return s != "" && len(strings.Fields(s)) == 1 && strings.Fields(s)[0] == s
}

// addSoft reads "pre: a b post: c".
func (i *modinfo) addSoft(value string) {
	list := &[]string{} // words in front of the first mark say nothing
	for word := range strings.FieldsSeq(value) {
		switch word {
		case "pre:":
			list = &i.pre
		case "post:":
			list = &i.post
		default:
			*list = append(*list, names([]string{word})...)
		}
	}
}

// names writes modules as the kernel does.
func names(list []string) []string {
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "-", "_")
	}
	return list
}
