package ntfs

import (
	"io/fs"
	"slices"
	"strings"
)

// StreamInfo describes an alternate data stream.
type StreamInfo struct {
	Name string // escaped as file names are
	Size int64  // bytes
}

// Streams lists the alternate data streams of a file or directory by name. The
// unnamed stream, which is a file's contents, is not among them.
func (v *Volume) Streams(name string) ([]StreamInfo, error) {
	n, _, err := v.resolve(name)
	if err != nil {
		return nil, pathError("streams", name, err)
	}
	var list []StreamInfo
	for _, stream := range n.streamNames() {
		info, err := n.streamInfo(stream)
		if err != nil {
			return nil, pathError("streams", name, err)
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b StreamInfo) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// OpenStream opens an alternate data stream of a file or directory, or with the
// name "" the contents of a file. The file implements [io.ReaderAt] and
// [io.Seeker]; its name in [fs.FileInfo] is file:stream.
func (v *Volume) OpenStream(name, stream string) (fs.File, error) {
	if stream == "" {
		return v.openContents(name)
	}
	path := name + ":" + stream
	n, base, err := v.resolve(name)
	if err != nil {
		return nil, pathError("open", path, err)
	}
	f, err := n.openStream(stream)
	if err != nil {
		return nil, pathError("open", path, err)
	}
	f.path, f.info.name = path, base+":"+f.info.name
	return f, nil
}

// openContents is Open of what is no directory.
func (v *Volume) openContents(name string) (fs.File, error) {
	f, err := v.Open(name)
	if err != nil {
		return nil, err
	}
	if _, directory := f.(fs.ReadDirFile); directory {
		return nil, pathError("open", name, errIsDirectory)
	}
	return f, nil
}

func (n *node) openStream(asked string) (*file, error) {
	name, err := n.streamNamed(asked)
	if err != nil {
		return nil, err
	}
	info, err := n.info(escapeName(name.units()))
	if err != nil {
		return nil, err
	}
	s, _, err := n.stream(typeData, name)
	if err != nil {
		return nil, err
	}
	info.size, info.mode = s.size, fileMode(false, 0)
	f := &file{info: info}
	f.data, f.refused = s.decoded()
	return f, nil
}

// streamNames returns the names of the alternate data streams, each once.
func (n *node) streamNames() []attrName {
	var names []attrName
	for _, a := range n.base.attrs {
		if n.list == nil && a.kind() == typeData {
			names = append(names, a.name())
		}
	}
	for _, e := range n.list {
		if e.kind() == typeData {
			names = append(names, e.name())
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(name attrName) bool { return name == "" })
}

func (n *node) streamInfo(name attrName) (StreamInfo, error) {
	a, _, err := n.first(typeData, name)
	if err != nil {
		return StreamInfo{}, err
	}
	_, size, _, err := a.sizes()
	return StreamInfo{Name: escapeName(name.units()), Size: size}, err
}

// streamNamed finds a stream's name as the volume spells it. Case counts no
// more than in file names.
func (n *node) streamNamed(asked string) (attrName, error) {
	want, ok := unescapeName(asked)
	if !ok {
		return "", fs.ErrNotExist
	}
	fold, err := n.v.foldings()
	if err != nil {
		return "", err
	}
	for _, name := range n.streamNames() {
		if fold.compare(name.units(), want) == 0 {
			return name, nil
		}
	}
	return "", fs.ErrNotExist
}
