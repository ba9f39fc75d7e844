package sampledisk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"hangkit/image"
	"hangkit/image/bitlocker"
	encrypt "hangkit/image/bitlocker/format"
	"hangkit/ntfs/format"
)

// BitLocker says how the Windows volume is encrypted. Its keys come from the seed: they protect
// nothing. It always has a recovery password and a TPM protector, as the drives of Windows do.
type BitLocker struct {
	Method    bitlocker.Method
	Password  bool // can be unlocked by a password, too
	KeyFile   bool // by a startup key
	Suspended bool // by itself
}

// Secrets are what unlocks the volume.
type Secrets struct {
	RecoveryPassword string
	Password         string
	KeyFile          []byte
	KeyFileName      string
}

// writeEncrypted makes the volume in the clear, and encrypts what was written of it.
func (m *maker) writeEncrypted(part *image.SectionDisk, o format.Options) error {
	i := slices.IndexFunc(o.Root, func(e format.Entry) bool { return e.Name == encrypt.Folder })
	if i < 0 {
		return errors.New("no folder for the metadata of BitLocker")
	}
	for _, f := range encrypt.Files() {
		o.Root[i].Dir = append(o.Root[i].Dir, format.Entry{Name: f.Name, Size: f.Size, Attributes: hiddenSystem, Fragments: 1})
	}
	plain := &tracked{SectionDisk: part}
	layout, err := format.Build(plain, o)
	if err != nil {
		return volumeError(err)
	}
	options, err := m.encryption(layout)
	if err != nil {
		return err
	}
	options.Used = plain.used()
	made, err := encrypt.Encrypt(context.Background(), part, options)
	if err != nil {
		return fmt.Errorf("encrypt the volume of Windows: %w", err)
	}
	m.made.Unlock = &Secrets{options.RecoveryPassword, options.Password, made.KeyFile, made.KeyFileName}
	return nil
}

func (m *maker) encryption(layout *format.Layout) (encrypt.Options, error) {
	o := encrypt.Options{
		Method: m.BitLocker.Method, SectorSize: layout.SectorSize, Seed: m.Seed, Time: m.Time,
		Description:      fmt.Sprintf("%s C: %s", m.Windows.Name, m.Time.Format("1/2/2006")),
		RecoveryPassword: m.recoveryPassword(), TPM: true, KeyFile: m.BitLocker.KeyFile, ClearKey: m.BitLocker.Suspended,
	}
	if m.BitLocker.Password {
		o.Password = fmt.Sprintf("sample-%d", m.Seed)
	}
	var places []int64
	for _, f := range encrypt.Files() {
		file, ok := layout.Files[path.Join(encrypt.Folder, f.Name)]
		if !ok || len(file.Extents) != 1 {
			return o, fmt.Errorf("no single place for %s", f.Name)
		}
		places = append(places, file.Extents[0].DeviceOffset)
	}
	o.Areas = encrypt.Areas{Metadata: [3]int64(places[:3]), Boot: places[3]}
	return o, nil
}

// recoveryPassword is eight groups of digits, each a multiple of 11 that 16 bits times 11 can say.
func (m *maker) recoveryPassword() string {
	r := rand.New(rand.NewPCG(m.Seed, recoveryDigits))
	var groups []string
	for range 8 {
		groups = append(groups, fmt.Sprintf("%06d", 11*r.IntN(1<<16)))
	}
	return strings.Join(groups, "-")
}

// tracked remembers where a disk was written.
type tracked struct {
	*image.SectionDisk
	ranges []image.Range
}

func (t *tracked) WriteAt(p []byte, off int64) (int, error) {
	t.ranges = append(t.ranges, image.Range{Off: off, Len: int64(len(p))})
	return t.SectionDisk.WriteAt(p, off)
}

// used are the ranges that were written, in order and apart from each other.
func (t *tracked) used() []image.Range {
	slices.SortFunc(t.ranges, func(a, b image.Range) int { return cmp.Compare(a.Off, b.Off) })
	var apart []image.Range
	for _, r := range t.ranges {
		if n := len(apart) - 1; n >= 0 && r.Off <= apart[n].End() {
			apart[n].Len = max(apart[n].End(), r.End()) - apart[n].Off
			continue
		}
		apart = append(apart, r)
	}
	return apart
}
