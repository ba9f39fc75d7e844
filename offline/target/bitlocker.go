package target

import (
	"context"
	"errors"
	"fmt"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/ntfs"
)

// openBitLocker reads what an encrypted volume says of itself. One whose protection is
// suspended, or that is decrypted already, opens without a key.
func (v *Volume) openBitLocker(d image.Disk) {
	v.Kind = ntfs.BitLocker
	locked, err := bitlocker.Open(d)
	if err != nil {
		v.Err = fmt.Errorf("%w: %w", ntfs.ErrBitLocker, err)
		return
	}
	v.BitLocker = locked
	v.unlock(context.Background())
}

// unlock opens the volume with the first secret that fits, or keeps the reason why not.
func (v *Volume) unlock(ctx context.Context, secrets ...*bitlocker.Secret) {
	plain, err := v.BitLocker.Unlock(ctx, secrets...)
	if err != nil {
		v.Err = err
		return
	}
	v.unlocked, v.Err = plain, nil
	v.openFileSystem(plain)
}

// Locked tells whether a key would open the volume.
func (v *Volume) Locked() bool { return v.BitLocker != nil && v.unlocked == nil && v.Shown == "" }

// NotWritten is nil, or why BitLocker does not let the volume be written.
func (v *Volume) NotWritten() error {
	if v.unlocked == nil {
		return nil
	}
	return v.unlocked.Writable()
}

// Unlock tries the secrets on every locked volume and returns those that opened. The others
// say in their error what was tried; the error is that of the context.
func (t *Target) Unlock(ctx context.Context, secrets ...*bitlocker.Secret) ([]*Volume, error) {
	var opened []*Volume
	for _, v := range t.Volumes {
		if !v.Locked() {
			continue
		}
		v.unlock(ctx, secrets...)
		if !v.Locked() {
			opened = append(opened, v)
		}
		if err := ctx.Err(); err != nil && errors.Is(v.Err, err) {
			return opened, err
		}
	}
	return opened, nil
}
