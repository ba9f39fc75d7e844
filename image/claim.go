package image

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/image/container"
)

// Claim is what somebody says an image is: the user, or the image above it.
// Without one its content says, and that the machine on a raw disk can write
// itself: any header into its first sector, which then names any file of this
// machine as the image below (CVE-2008-2004).
type Claim string

// The claims a user makes. None leaves it to the content.
const (
	ClaimNone Claim = ""
	ClaimRaw  Claim = "raw"
)

// claimed is what may be found under a claim. Vpc is QEMU's name of VHD.
var claimed = map[Claim][]Format{
	ClaimRaw: {Raw},
	"vhd":    {FixedVHD, VHD},
	"vpc":    {FixedVHD, VHD},
	"vhdx":   {VHDX},
	"qcow2":  {QCOW2},
	"vmdk":   {VMDK, VMDKText},
	"vdi":    {VDI},
	"ewf":    {EWF},
}

// claimNames are the claims by which a user may call an image.
var claimNames = []string{"raw", "vhd", "vhdx", "qcow2", "vmdk", "vdi", "ewf"}

// claimAuto leaves the format to the content.
const claimAuto = "auto"

// String is the claim as ParseClaim reads it.
func (c Claim) String() string {
	if c == ClaimNone {
		return claimAuto
	}
	return string(c)
}

// ParseClaim reads the name of a format, or auto.
func ParseClaim(name string) (Claim, error) {
	switch {
	case name == claimAuto:
		return ClaimNone, nil
	case slices.Contains(claimNames, name):
		return Claim(name), nil
	}
	return "", fmt.Errorf("%q is no format: say %s or %s", name, strings.Join(claimNames, ", "), claimAuto)
}

// Options say how a path is opened.
type Options struct {
	Writable bool
	// Claims are of the image, then of those it lies on, from the top down. For
	// these none means what the image above says.
	Claims []Claim
	// Folders are where files that an image names may lie, or below, besides the
	// image's own folder.
	Folders []string
}

// Claimed says whether anything is said about the image itself.
func (o Options) Claimed() bool { return o.claim(0) != ClaimNone }

// claim is that of the image so many levels below the top.
func (o Options) claim(level int) Claim {
	if level < len(o.Claims) {
		return o.Claims[level]
	}
	return ClaimNone
}

// reading are the options for what lies below.
func (o Options) reading() Options {
	o.Writable = false
	return o
}

// ConsentError is an image that is opened only when the user says more about it.
type ConsentError struct {
	Path   string
	Reason string
	Remedy string // what to say
}

func (e *ConsentError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Path, e.Reason, ErrRefused) }

// Hint is the flag that says it.
func (e *ConsentError) Hint() string { return e.Remedy }

// Unwrap makes it an [ErrRefused].
func (e *ConsentError) Unwrap() error { return ErrRefused }

// identify finds the format of a file of size bytes under a claim.
func identify(r io.ReaderAt, size int64, c Claim) (Format, error) {
	found := Sniff(r, size)
	switch known := claimed[c]; {
	case c == ClaimNone:
		return found, nil
	case c == ClaimRaw:
		return Raw, nil
	case known == nil:
		return Raw, &RefusedError{What: fmt.Sprintf("images of the format %q", string(c)), Remedy: qemuImg}
	case known[0] == FixedVHD:
		if end := sniffFooter(r, size); end != Raw {
			return end, nil // the guest of a fixed one can write its beginning, not its end
		}
		fallthrough
	default:
		if !slices.Contains(known, found) {
			return found, &container.FormatError{What: "image: format", Want: "as is said, " + string(c), Got: found}
		}
	}
	return found, nil
}

// extensions are how images are called whose format lets them name other files.
var extensions = map[Format][]string{
	VHD:      {".vhd", ".avhd"},
	VHDX:     {".vhdx", ".avhdx"},
	QCOW2:    {".qcow2", ".qcow"},
	VMDK:     {".vmdk"},
	VMDKText: {".vmdk"},
	EWF:      {".e01", ".l01", ".s01"},
}

// mayName says whether an image may have us open another file: somebody must
// have said what it is, be it by its name.
func (f *File) mayName(other string) error {
	if f.said != ClaimNone || slices.Contains(extensions[f.format], strings.ToLower(filepath.Ext(f.path))) {
		return nil
	}
	name := f.format.claimName()
	return &ConsentError{
		Path:   f.path,
		Reason: fmt.Sprintf("it begins as %s and names another file (%q), but is not called so; the machine on a raw disk can write such a beginning", f.format, other),
		Remedy: fmt.Sprintf("say what it is: --format %s, or --format raw", name),
	}
}

// claimName is what a user calls the format.
func (f Format) claimName() string {
	for _, name := range claimNames {
		if slices.Contains(claimed[Claim(name)], f) {
			return name
		}
	}
	return f.String()
}

// mayReach says whether a file that an image names lies where it may: in the
// image's own folder, or in one that the user allows. Links count by where they
// lead.
func (f *File) mayReach(path string) error {
	real, err := realPath(path)
	if err != nil {
		return err
	}
	if f.isOwn(filepath.Dir(real)) {
		return nil
	}
	for _, folder := range f.options.Folders {
		if folder, err = realPath(folder); err != nil {
			return fmt.Errorf("--base-dir: %w", err)
		}
		if isBelow(folder, real) {
			return nil
		}
	}
	return &ConsentError{
		Path:   f.path,
		Reason: fmt.Sprintf("it names a file outside its own folder (%q)", path),
		Remedy: "if that file belongs to it: --base-dir " + container.Quote(filepath.Dir(real)),
	}
}

// isOwn says whether a folder is the image's: that of its name, or the one a
// link of that name leads to.
func (f *File) isOwn(folder string) bool {
	named, err := realPath(filepath.Dir(f.path))
	if err == nil && named == folder {
		return true
	}
	real, err := realPath(f.path)
	return err == nil && filepath.Dir(real) == folder
}

// realPath is where a path leads, from the root on.
func realPath(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// isBelow says whether a file lies in a folder or below it.
func isBelow(folder, file string) bool {
	rel, err := filepath.Rel(folder, file)
	return err == nil && filepath.IsLocal(rel)
}

// namedFile is a file that an image names: the first that is there and may be
// opened, or why none may.
func (f *File) namedFile(ref container.Reference) (string, os.FileInfo, error) {
	var first error
	for _, name := range ref.Names {
		path, info, err := f.find(container.Reference{Names: []string{name}})
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = cmp.Or(f.mayName(name), f.mayReach(path))
		}
		if err == nil {
			return path, info, nil
		}
		first = cmp.Or(first, err)
	}
	if first != nil {
		return "", nil, first
	}
	return f.find(ref)
}

// claimBelow is what the image below must be: what the user says, else what
// this image says. One of which nobody says anything is raw, as libvirt has it;
// if it does not look raw, somebody has to say so.
func (f *File) claimBelow(path string, said string) (Claim, error) {
	if c := f.options.claim(f.level + 1); c != ClaimNone {
		return c, nil
	}
	if said != "" {
		return Claim(said), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return ClaimNone, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return ClaimNone, err
	}
	looks := Sniff(file, size)
	if looks == Raw {
		return ClaimRaw, nil
	}
	claims := make([]string, 0, maxChain)
	for above := f; above != nil; above = above.above {
		claims = append([]string{above.format.claimName()}, claims...)
	}
	so := strings.Join(claims, ",")
	return ClaimNone, &ConsentError{
		Path:   f.path,
		Reason: fmt.Sprintf("it does not say what the image below it is, and %q begins as %s", path, looks),
		Remedy: fmt.Sprintf("say what they are: --format %s,%s, or --format %s,raw", so, looks.claimName(), so),
	}
}
