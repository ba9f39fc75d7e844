package bitlocker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"hangkit/image"
	"hangkit/image/bitlocker/internal/crypt"
)

// Locked is a volume whose metadata was read. What it holds is not encrypted.
type Locked struct {
	disk   image.Disk
	boot   bootSector
	copies []metadata // the good ones
	// Damage says what is wrong with the other copies of the metadata.
	Damage []error
}

// Open reads the metadata of a volume. The error is an [image.ErrFormat], an
// [ErrUnsupported], or wraps what reading failed with.
func Open(d image.Disk) (*Locked, error) {
	b := make([]byte, bootSectorSize)
	if n, err := d.ReadAt(b, 0); n < len(b) {
		return nil, fmt.Errorf("BitLocker boot sector: %w", err)
	}
	boot, err := parseBootSector(b)
	if err != nil {
		return nil, err
	}
	l := &Locked{disk: d, boot: boot}
	for _, off := range boot.metadata {
		m, err := readMetadata(d, off)
		if err != nil {
			l.Damage = append(l.Damage, err)
			continue
		}
		l.copies = append(l.copies, m)
	}
	if len(l.copies) == 0 {
		return nil, fmt.Errorf("no copy of the BitLocker metadata is good: %w", oneLine(l.Damage))
	}
	return l, l.supported()
}

// supported refuses what no key would open.
func (l *Locked) supported() error {
	m := l.copies[0]
	if m.current() != Decrypted && !m.method().Known() {
		return unknownMethod(m.method())
	}
	return nil
}

func unknownMethod(m Method) error {
	return fmt.Errorf("%w: its sectors are encrypted with %v, which is hardware encryption or newer than this program", ErrUnsupported, m)
}

// ID is the volume's GUID in its metadata.
func (l *Locked) ID() GUID { return l.copies[0].guid() }

// Method is how the sectors are encrypted.
func (l *Locked) Method() Method { return l.copies[0].method() }

// State is how far the conversion is.
func (l *Locked) State() State { return l.copies[0].current() }

// Description is what Windows called the volume when it began: computer, letter and date.
func (l *Locked) Description() string { return l.copies[0].description() }

// Suspended tells whether a key lies beside the lock: protection is suspended, or was never
// switched on.
func (l *Locked) Suspended() bool {
	for _, k := range l.copies[0].masterKeys() {
		if k.Kind == ClearKey && k.clear != nil {
			return true
		}
	}
	return false
}

// Protectors lists the ways to unlock the volume.
func (l *Locked) Protectors() []Protector {
	var list []Protector
	for _, k := range l.copies[0].masterKeys() {
		list = append(list, k.Protector)
	}
	return list
}

// Unlock opens the volume with the first secret that fits. A volume whose protection is
// suspended needs none. Where none fits, the error is a [LockedError].
func (l *Locked) Unlock(ctx context.Context, secrets ...*Secret) (*Volume, error) {
	geo, m, err := l.geometry()
	if err != nil {
		return nil, err
	}
	if m.current() == Decrypted && !geo.needsKey() {
		return l.volume(geo, m, nil), nil
	}
	vmk, err := l.masterKey(ctx, secrets)
	if err != nil {
		return nil, err
	}
	defer clear(vmk)
	return l.unlockWith(vmk)
}

// geometry is that of the first copy that makes sense, so that a volume without one is refused
// before anybody is asked for a key. Whether the copy is authentic is not known yet.
func (l *Locked) geometry() (geo geometry, m metadata, err error) {
	var first error // copies that are the same all say so
	for _, m = range l.copies {
		if geo, err = newGeometry(l.disk, l.boot, m); err == nil {
			return geo, m, nil
		}
		first = cmp.Or(first, err)
	}
	return geo, m, first
}

// unlockWith takes the first copy that the master key proves to be authentic and that makes sense.
func (l *Locked) unlockWith(vmk []byte) (*Volume, error) {
	var errs []error
	for _, m := range l.copies {
		geo, c, err := l.proven(m, vmk)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.Damage = append(l.Damage, errs...)
		return l.volume(geo, m, c), nil
	}
	return nil, oneLine(errs)
}

// proven is what an authentic copy says.
func (l *Locked) proven(m metadata, vmk []byte) (geo geometry, c crypt.Cipher, err error) {
	if err = m.authentic(vmk); err != nil {
		return geo, nil, err
	}
	if geo, err = newGeometry(l.disk, l.boot, m); err != nil {
		return geo, nil, err
	}
	c, err = m.cipher(vmk, int(l.boot.sector))
	return geo, c, err
}

// masterKey tries every secret on every protector of its kind. Copies of the metadata that say
// the same are tried once.
func (l *Locked) masterKey(ctx context.Context, secrets []*Secret) ([]byte, error) {
	for i, m := range l.copies {
		if i > 0 && m.sameAs(l.copies[i-1]) {
			continue
		}
		vmk, err := m.masterKey(ctx, secrets)
		if vmk != nil || err != nil {
			return vmk, err
		}
	}
	locked := &LockedError{Protectors: l.Protectors(), Tried: len(secrets)}
	for _, s := range secrets {
		if s.doubt != nil {
			locked.Doubts = append(locked.Doubts, s.doubt)
		}
	}
	return nil, locked
}

// attempt is one secret for one protector.
type attempt struct {
	masterKey
	secret *Secret
}

// masterKey is nil where nothing fits.
func (m metadata) masterKey(ctx context.Context, secrets []*Secret) ([]byte, error) {
	var attempts []attempt
	for _, k := range m.masterKeys() {
		if k.clear != nil {
			if vmk, err := k.open(k.clear); err == nil {
				return vmk, nil
			}
		}
		for _, s := range secrets {
			if s.fits(k) {
				attempts = append(attempts, attempt{k, s})
			}
		}
	}
	return tryAll(ctx, attempts)
}

// tryAll works on as many attempts at a time as there are processors: stretching a secret takes
// one of them a fifth of a second. The first that fits ends the others.
func tryAll(ctx context.Context, attempts []attempt) ([]byte, error) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var (
		mu    sync.Mutex
		found []byte
		wg    sync.WaitGroup
		slots = make(chan struct{}, runtime.GOMAXPROCS(0))
	)
	for _, a := range attempts {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			key, err := a.secret.key(work, a.salt)
			if err != nil {
				return // stopped
			}
			if vmk, err := a.open(key); err == nil {
				mu.Lock()
				found = vmk
				mu.Unlock()
				stop()
			}
		})
	}
	wg.Wait()
	if found == nil {
		return nil, ctx.Err()
	}
	return found, nil
}

// cipher unseals the volume key.
func (m metadata) cipher(vmk []byte, sector int) (crypt.Cipher, error) {
	for d := range datums(m.datums()) {
		if d.role != roleFVEK || d.typ != typeSealed {
			continue
		}
		inner, err := d.unseal(vmk)
		if err != nil {
			return nil, fmt.Errorf("BitLocker volume key: %w", err)
		}
		if inner.typ != typeKey {
			return nil, fmt.Errorf("%w: its volume key is of type %d, which hardware may have wrapped", ErrUnsupported, inner.typ)
		}
		kind, key := inner.key()
		defer clear(key)
		c, err := crypt.NewCipher(Method(kind), key, sector)
		if errors.Is(err, crypt.ErrMethod) {
			return nil, fmt.Errorf("%w (%d bytes of key)", unknownMethod(Method(kind)), len(key))
		}
		return c, err
	}
	return nil, damaged(m.off, "metadata: volume key", "one", "none")
}
