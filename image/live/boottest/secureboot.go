//go:build linux

package boottest

import (
	"context"
	"errors"
	"os"
)

// Rejection is a medium that must not start under Secure Boot, and who says so.
type Rejection struct {
	Name  string
	words string // of the firmware, shim or GRUB
	make  func(ctx context.Context, name string) (string, error)
}

// What refuses a program that is not signed, or not as it was signed.
const (
	grubRefuses     = `bad shim signature|Failed to boot both default and fallback|you need to load the kernel first`
	firmwareRefuses = `Access Denied|Security Violation`
)

// Rejections are the media that nobody may start.
func (l *Lab) Rejections() []Rejection {
	kernel := func(how Tampering) func(context.Context, string) (string, error) {
		return func(_ context.Context, name string) (string, error) { return l.Tamper(name, how) }
	}
	loader := func(ctx context.Context, name string) (string, error) { return l.TamperLoader(ctx, name, Unsign) }
	return []Rejection{
		{Name: "unsigned kernel", words: grubRefuses, make: kernel(Unsign)},
		{Name: "altered kernel", words: grubRefuses, make: kernel(Alter)},
		{Name: "unsigned BOOTX64.EFI", words: firmwareRefuses, make: loader},
	}
}

// Reject makes such a medium and demands that the machine does not start it.
func (l *Lab) Reject(ctx context.Context, s Setup, r Rejection) (err error) {
	s.File, err = r.make(ctx, "tampered.iso")
	defer func() { err = errors.Join(err, os.RemoveAll(s.File)) }()
	if err != nil {
		return err
	}
	return s.Rejected(ctx, r.words)
}
