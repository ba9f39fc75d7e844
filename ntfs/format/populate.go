package format

import (
	"fmt"
	"io"
	"math/rand/v2"
)

// Population says what [Populate] makes. Equal populations are equal to the byte.
type Population struct {
	Seed uint64 // chooses names and contents
	// Names is the number of files in the directory "names", small ones with names
	// of many lengths and scripts.
	Names int
	// Pieces are the numbers of extents of the files in the directory "pieces",
	// each a page of contents per extent.
	Pieces []int
	// PageFile is the size of pagefile.sys, 0 for none, and PageFilePieces the
	// number of its extents. Its contents are noise that NTFS takes for unwritten.
	PageFile       int64
	PageFilePieces int
	Hiberfil       HiberfilState
}

const (
	populationPage = 4096 // of contents per extent, whatever the clusters
	// Each kind of noise has numbers of its own, so that one more name changes no file.
	namesNoise uint64 = iota
	piecesNoise
	pageFileNoise
)

// Populate makes the entries of a root directory.
func Populate(p Population) []Entry {
	root := []Entry{
		{Name: "names", Dir: p.names()},
		{Name: "pieces", Dir: p.pieces()},
	}
	if p.PageFile > 0 {
		root = append(root, PageFile(p.PageFile, p.PageFilePieces, noise{p.Seed, pageFileNoise}))
	}
	if p.Hiberfil != NoHiberfil {
		root = append(root, p.Hiberfil.Entry())
	}
	return root
}

// stems are of scripts with one, two, three and four bytes in UTF-8, upper and lower case.
var stems = []string{"file", "REPORT", "Größe", "данные", "ΑΡΧΕΙΟ", "資料", "😀", "a name as long as those of assemblies are"}

const (
	longestSuffix  = 40
	longestContent = 3000 // some fit a record, some do not
)

func (p Population) names() []Entry {
	rng := rand.New(rand.NewPCG(p.Seed, namesNoise))
	entries := make([]Entry, p.Names)
	for i := range entries {
		stem, pad := stems[rng.IntN(len(stems))], rng.IntN(longestSuffix)
		content := make([]byte, rng.IntN(longestContent))
		fill(content, p.Seed, namesNoise, int64(i)*longestContent)
		entries[i] = Entry{Name: fmt.Sprintf("%s %0*d.dat", stem, pad, i), Data: content}
	}
	return entries
}

func (p Population) pieces() []Entry {
	entries := make([]Entry, len(p.Pieces))
	for i, n := range p.Pieces {
		entries[i] = Entry{
			Name: fmt.Sprintf("%d in %d pieces.bin", i, n), Fragments: n,
			Size: int64(n) * populationPage, Content: noise{p.Seed + uint64(i), piecesNoise},
		}
	}
	return entries
}

// PageFile is a page file as Windows leaves it: NTFS believes that no byte of it was
// ever written, for the memory manager writes beneath it.
func PageFile(size int64, pieces int, contents io.ReaderAt) Entry {
	var none int64
	return Entry{
		Name: "pagefile.sys", Attributes: AttrHidden | AttrSystem,
		Size: size, Content: contents, Fragments: pieces, InitializedSize: &none,
	}
}

// HiberfilState is what hiberfil.sys tells of a suspended Windows.
type HiberfilState int

// The states of hiberfil.sys a reader meets in the wild.
const (
	NoHiberfil         HiberfilState = iota
	HiberfilHibernated               // "HIBR": hibernation, or Fast Startup
	HiberfilOld                      // "hibr", as before Windows 8
	HiberfilResuming                 // "RSTR": a resume began and did not end
	HiberfilAwake                    // "WAKE": used up
	HiberfilZeros                    // the header was cleared
	HiberfilShort                    // no header at all: Windows is hibernated from elsewhere
	HiberfilUnknown                  // a header nobody has described
)

const (
	hiberfilSize  = 1 << 20
	hiberfilShort = 512
)

// Entry makes the file; [NoHiberfil] has none.
func (s HiberfilState) Entry() Entry {
	header := map[HiberfilState]string{
		HiberfilHibernated: "HIBR", HiberfilOld: "hibr", HiberfilResuming: "RSTR", HiberfilAwake: "WAKE",
		HiberfilZeros: "\x00\x00\x00\x00", HiberfilShort: "\x00\x00\x00\x00", HiberfilUnknown: "?!?!",
	}[s]
	size := int64(hiberfilSize)
	if s == HiberfilShort {
		size = hiberfilShort
	}
	return Entry{Name: "hiberfil.sys", Attributes: AttrHidden | AttrSystem, Data: []byte(header), Size: size}
}

// noise is endless contents that differ everywhere and depend on nothing but where they are.
type noise struct{ seed, kind uint64 }

// ReadAt implements [io.ReaderAt].
func (n noise) ReadAt(p []byte, off int64) (int, error) {
	fill(p, n.seed, n.kind, off)
	return len(p), nil
}

// fill makes the bytes of noise from off on: each 8 of them are a hash of their number.
func fill(p []byte, seed, kind uint64, off int64) {
	const wordSize = 8
	var word [wordSize]byte
	for len(p) > 0 {
		le.PutUint64(word[:], mix(seed^mix(kind)^mix(uint64(off/wordSize))))
		n := copy(p, word[off%wordSize:])
		p, off = p[n:], off+int64(n)
	}
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
