package windows

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"hangkit/hive"
)

// BCD is a store of boot configuration data: what the Windows boot manager does and with which
// settings it starts which Windows. The store is a registry hive:
//
//	Objects\{guid}\Description    value Type: what the object is
//	Objects\{guid}\Elements\16000009   value Element: one setting, by the number of its type
//
// It lies on the partition the firmware boots from, \Boot\BCD or \EFI\Microsoft\Boot\BCD, with logs
// beside it like every hive. All of it is read at once; the hive is not needed afterwards.
type BCD struct {
	Entries  []*Entry // every object, sorted by ID
	Problems []string // what could not be read, and why
	byID     map[string]*Entry
}

// ErrNotBCD says that a hive is not a store of boot configuration data.
var ErrNotBCD = errors.New("not a store of boot configuration data")

// Bounds of a store. Real ones hold a few dozen objects with up to a few dozen elements. In a damaged
// one objects can share a list of elements, and elements their data: so there are bounds for all.
const (
	maxBCDObjects       = 4096
	maxBCDElements      = 1024     // of one object
	maxBCDData          = 64 << 10 // of one element
	maxBCDStoreElements = 64 << 10
	maxBCDStoreData     = 16 << 20
	maxInheritance      = 16 // objects one behind the other
)

// Entry is an object of the store: a boot entry, or settings that several of them share.
type Entry struct {
	ID       string // "{9dea862c-5cdd-4e70-acc1-f32b344d4795}", lower case
	Type     ObjectType
	Elements []Element // those set in the object itself, by number
	store    *BCD
}

// OpenBCD reads a store from its hive. Only a hive that is none is an error: what cannot be read of
// a store is in Problems.
func OpenBCD(h *hive.Hive) (*BCD, error) {
	objects, err := h.Key("Objects")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no key Objects", ErrNotBCD)
	}
	if err != nil {
		return nil, fmt.Errorf("boot configuration data: %w", err)
	}
	b := &BCD{byID: map[string]*Entry{}}
	r := &storeReader{reader: reader{h: h}}
	for k := range subkeys(&r.reader, objects) {
		if len(b.Entries) == maxBCDObjects {
			r.problem("Objects", fmt.Errorf("more than %d objects", maxBCDObjects))
			break
		}
		if e := readEntry(r, k); e != nil {
			b.add(e)
		}
		if r.isFull() {
			r.problem("Objects", fmt.Errorf("more than %d elements or %d bytes in them", maxBCDStoreElements, maxBCDStoreData))
			break
		}
	}
	slices.SortFunc(b.Entries, func(x, y *Entry) int { return cmp.Compare(x.ID, y.ID) })
	b.Problems = r.problems
	return b, nil
}

func (b *BCD) add(e *Entry) {
	e.store = b
	b.Entries = append(b.Entries, e)
	b.byID[e.ID] = e
}

// storeReader counts what it takes from a store.
type storeReader struct {
	reader
	elements, data int
}

func (r *storeReader) isFull() bool {
	return r.elements > maxBCDStoreElements || r.data > maxBCDStoreData
}

// objectType is 0 where it cannot be read.
func (r *storeReader) objectType(path string) ObjectType {
	k := r.key(path + `\Description`)
	if k == nil {
		return 0
	}
	v, err := k.Value("Type")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.problem(path+`\Description`, err)
	}
	if v.Type != hive.DWORD {
		return 0
	}
	n, _ := v.Uint32()
	return ObjectType(n)
}

// readEntry returns nil for a key that is no object.
func readEntry(r *storeReader, k *hive.Key) *Entry {
	e := &Entry{ID: strings.ToLower(k.Name())}
	if !isGUID(e.ID) {
		return nil
	}
	path := `Objects\` + k.Name()
	e.Type = r.objectType(path)
	for sub := range subkeys(&r.reader, r.key(path+`\Elements`)) {
		if len(e.Elements) == maxBCDElements {
			r.problem(path, fmt.Errorf("more than %d elements", maxBCDElements))
			break
		}
		if r.elements++; r.isFull() {
			break
		}
		e.readElement(r, path, sub)
	}
	slices.SortFunc(e.Elements, func(x, y Element) int { return cmp.Compare(x.Type, y.Type) })
	return e
}

func (e *Entry) readElement(r *storeReader, path string, k *hive.Key) {
	n, err := strconv.ParseUint(k.Name(), 16, 32)
	if err != nil {
		return
	}
	v, err := k.Value("Element")
	if err != nil {
		r.problem(path+`\Elements\`+k.Name(), err)
		return
	}
	r.data += len(v.Data)
	e.Elements = append(e.Elements, decodeElement(ElementType(n), e, v))
}

// isGUID tells "{8-4-4-4-12}", in lower case, from other names.
func isGUID(s string) bool {
	const form = "{00000000-0000-0000-0000-000000000000}"
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		if form[i] == '0' {
			if !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
				return false
			}
		} else if s[i] != form[i] {
			return false
		}
	}
	return true
}

// Entry returns an object by its ID or its well-known name: "{bootmgr}". {default} is what the boot
// manager starts by itself, and so is {current}: nothing of a store that is not in use is current.
func (b *BCD) Entry(id string) (*Entry, bool) {
	id = strings.ToLower(id)
	if id == "{default}" || id == "{current}" {
		return b.Default()
	}
	for _, w := range wellKnownObjects {
		if id == w.name {
			id = w.id
		}
	}
	e, ok := b.byID[id]
	return e, ok
}

// Default returns the entry that the boot manager starts by itself: its default object or, where
// that is missing, the first entry of its menu.
func (b *BCD) Default() (*Entry, bool) {
	manager, ok := b.byID[bootManagerID]
	if !ok {
		return nil, false
	}
	if def, ok := manager.own("default"); ok {
		if e, ok := b.byID[def.object()]; ok {
			return e, true
		}
	}
	if order, ok := manager.own("displayorder"); ok && len(order.Objects) > 0 {
		e, ok := b.byID[order.Objects[0]]
		return e, ok
	}
	return nil, false
}

// Loader is an entry that starts a Windows.
type Loader struct {
	*Entry
	Default bool // the boot manager starts it by itself
	Menu    int  // its place in the boot manager's menu from 1; 0 if it is not there
}

// Loaders returns the entries that start a Windows: those of the menu in its order, then the rest,
// which is usually the recovery environment.
func (b *BCD) Loaders() []Loader {
	def, _ := b.Default()
	var order []string
	if manager, ok := b.byID[bootManagerID]; ok {
		if el, ok := manager.own("displayorder"); ok {
			order = el.Objects
		}
	}
	var list []Loader
	for _, e := range b.Entries {
		if e.Type.application() == appOSLoader && e.Type.class() == classApplication {
			list = append(list, Loader{Entry: e, Default: e == def, Menu: slices.Index(order, e.ID) + 1})
		}
	}
	slices.SortStableFunc(list, func(x, y Loader) int { return cmp.Compare(x.place(), y.place()) })
	return list
}

// place puts what is not in the menu behind what is.
func (l Loader) place() int {
	if l.Menu == 0 {
		return maxBCDObjects
	}
	return l.Menu
}

// LoaderOf returns the entry that starts the Windows with this system root ("Windows") on this
// partition. The default goes before others that fit as well.
func (b *BCD) LoaderOf(id VolumeID, root string) (Loader, bool) {
	fit, _ := b.loadersOf(id, root)
	if len(fit) == 0 {
		return Loader{}, false
	}
	return fit[0], true
}

// loadersOf returns every entry that starts a Windows, the default first. Entries that name no
// partition, but say to take the one booted from or to look for it, are loose: they count where there
// is but one of them, and none that is exact.
func (b *BCD) loadersOf(id VolumeID, root string) (fit []Loader, isLoose bool) {
	var exact, loose []Loader
	for _, l := range b.Loaders() {
		if text, ok := l.Element("systemroot"); !ok || !sameRoot(text.Text, root) {
			continue
		}
		switch dev, _ := l.Element("osdevice"); {
		case id.known() && dev.Device.Partition.equal(id):
			exact = append(exact, l)
		case dev.Device.Kind == DeviceBoot || dev.Device.Kind == DeviceLocate:
			loose = append(loose, l)
		}
	}
	if len(exact) == 0 && len(loose) == 1 {
		return loose, true
	}
	slices.SortStableFunc(exact, func(x, y Loader) int { return cmp.Compare(x.rank(), y.rank()) })
	return exact, false
}

// rank puts the default in front.
func (l Loader) rank() int {
	if l.Default {
		return 0
	}
	return 1
}

// sameRoot compares \Windows with Windows.
func sameRoot(element, root string) bool {
	return strings.EqualFold(strings.Trim(strings.ReplaceAll(element, `\`, "/"), "/"), root)
}

// own returns an element by name that is set in the object itself.
func (e *Entry) own(name string) (Element, bool) {
	t, ok := typeNamed(name, e.Type)
	if !ok {
		return Element{}, false
	}
	return e.ownType(t)
}

func (e *Entry) ownType(t ElementType) (Element, bool) {
	i, ok := slices.BinarySearchFunc(e.Elements, t, func(el Element, t ElementType) int { return cmp.Compare(el.Type, t) })
	if !ok {
		return Element{}, false
	}
	return e.Elements[i], true
}

// Element returns what counts for the entry, by name: the element as set in it, or in an object it
// inherits from, or the documented default. Its Origin says which. False means that it is set
// nowhere and no default is documented.
func (e *Entry) Element(name string) (Element, bool) {
	t, ok := typeNamed(name, e.Type)
	if !ok {
		return Element{}, false
	}
	if el, ok := e.ownType(t); ok {
		return el, true
	}
	if el, ok := e.inherited(t, map[string]bool{e.ID: true}); ok {
		el.Origin = Inherited
		return el, true
	}
	return defaultElement(t, e.Type)
}

// inherited looks through the objects the entry inherits from, each with what it inherits itself,
// in their order. An object counts once: lists can lead back to where they came from.
func (e *Entry) inherited(t ElementType, seen map[string]bool) (Element, bool) {
	list, ok := e.own("inherit")
	if !ok || len(seen) > maxInheritance {
		return Element{}, false
	}
	for _, id := range list.Objects {
		from, ok := e.store.byID[id]
		if !ok || seen[id] {
			continue
		}
		seen[id] = true
		if el, ok := from.ownType(t); ok {
			return el, true
		}
		if el, ok := from.inherited(t, seen); ok {
			return el, true
		}
	}
	return Element{}, false
}

// Name is the entry's well-known name, "{bootmgr}", or its ID.
func (e *Entry) Name() string { return BCDObjectName(e.ID) }

// Description is the entry's name in the menu, empty if it has none.
func (e *Entry) Description() string {
	el, _ := e.own("description")
	return el.Text
}

// BCDObjectName is the well-known name of an object, "{bootmgr}", or its ID.
func BCDObjectName(id string) string {
	for _, w := range wellKnownObjects {
		if w.id == id {
			return w.name
		}
	}
	return id
}

// bcdPaths are where the boot manager looks for its store: on a BIOS machine's active partition,
// and on the EFI system partition.
var bcdPaths = []string{"EFI/Microsoft/Boot/BCD", "Boot/BCD"}

// FindBCD returns the paths of the stores on a volume, as they are written there.
func FindBCD(vol Volume) []string {
	var found []string
	for _, p := range bcdPaths {
		if name, ok := lookupPath(vol, p); ok {
			found = append(found, name)
		}
	}
	return found
}

// ReadBCD reads the store in a file, recovered in memory from the logs beside it. A file that cannot
// be used is a [*HiveError].
func ReadBCD(vol Volume, name string) (*BCD, hive.Recovery, error) {
	i := &Installation{Volume: vol}
	b, recovery, err := i.readBCD(name)
	if err != nil {
		err = &HiveError{Path: name, Err: err}
	}
	return b, recovery, errors.Join(err, i.Close())
}

func (i *Installation) readBCD(name string) (*BCD, hive.Recovery, error) {
	src, err := i.hiveSource(name)
	if err != nil {
		return nil, hive.Recovery{}, err
	}
	// Windows loads its store with the single log BCD.LOG, and leaves BCD.LOG1 and BCD.LOG2 empty
	// beside it.
	if isEmpty(src.Log1) && isEmpty(src.Log2) {
		if src.Log1, err = i.openLog(name, ".LOG"); err != nil {
			return nil, hive.Recovery{}, err
		}
	}
	h, err := hive.Open(src)
	if err != nil {
		return nil, hive.Recovery{}, err
	}
	b, err := OpenBCD(h)
	return b, h.Recovery(), err
}

func isEmpty(f hive.File) bool { return f == nil || f.Size() == 0 }
