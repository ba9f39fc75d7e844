package bitlocker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hangkit/image"
)

// What callers branch on. A damaged volume is an [image.ErrFormat].
var (
	// ErrLocked: no key was given that opens the volume.
	ErrLocked = errors.New("locked by BitLocker")
	// ErrKey: what was given as a key cannot be one.
	ErrKey = errors.New("not a BitLocker key")
	// ErrConverting: Windows has begun to encrypt or to decrypt the volume and not ended.
	ErrConverting = errors.New("BitLocker has not finished converting the volume")
	// ErrReserved: the bytes belong to BitLocker itself and to no file.
	ErrReserved = errors.New("reserved for BitLocker")
	// ErrUnsupported: BitLocker of a kind that cannot be read here.
	ErrUnsupported = fmt.Errorf("this kind of BitLocker is %w", image.ErrUnsupported)
)

// LockedError says what would open a volume.
type LockedError struct {
	Protectors []Protector
	Tried      int     // keys that were tried and open none of them
	Doubts     []error // about these keys: they may be mistyped
}

func (e *LockedError) Error() string {
	var what []string
	for _, p := range e.Protectors {
		what = append(what, p.String())
	}
	protectors := "its protectors: " + strings.Join(what, "; ")
	if len(what) == 0 {
		protectors = "it has no protectors"
	}
	for _, d := range e.Doubts {
		protectors += fmt.Sprintf("; a given key was taken for a password (%v)", d)
	}
	switch e.Tried {
	case 0:
		return fmt.Sprintf("%v; %s", ErrLocked, protectors)
	case 1:
		return fmt.Sprintf("%v, and the given key opens none of its protectors; %s", ErrLocked, protectors)
	}
	return fmt.Sprintf("%v, and none of the %d given keys opens it; %s", ErrLocked, e.Tried, protectors)
}

// Openable tells whether there is a protector that a key can be given for.
func (e *LockedError) Openable() bool {
	return slices.ContainsFunc(e.Protectors, func(p Protector) bool { return p.Kind.opened() })
}

// LookFor says which key to look for, and where.
func (e *LockedError) LookFor() string {
	var ids []string
	for _, p := range e.Protectors {
		if p.Kind == RecoveryPassword {
			ids = append(ids, p.KeyID())
		}
	}
	if len(ids) > 0 {
		return fmt.Sprintf("look for the recovery password with the key ID %s: account.microsoft.com/devices/recoverykey, Entra ID, Active Directory, or a printout", strings.Join(ids, " or "))
	}
	for _, p := range e.Protectors {
		if p.Kind.opened() {
			return "give its " + p.Kind.String()
		}
	}
	return "only the machine's own TPM or card opens it: let Windows there add a recovery password (manage-bde -protectors -add C: -recoverypassword)"
}

// Unwrap makes every LockedError an [ErrLocked].
func (e *LockedError) Unwrap() error { return ErrLocked }

// damaged is a format error at an offset of the volume.
func damaged(off int64, what string, want, got any) error {
	return &image.FormatError{Off: off, What: "BitLocker " + what, Want: want, Got: got}
}

// oneLine joins errors that are one to the reader: copies of the same thing are damaged. What
// several say in the same words is said once.
func oneLine(errs []error) error {
	var joined error
	said := map[string]bool{}
	for _, err := range errs {
		switch text := err.Error(); {
		case said[text]:
		case joined == nil:
			joined = err
		default:
			joined = fmt.Errorf("%w; %w", joined, err)
		}
		said[err.Error()] = true
	}
	return joined
}
