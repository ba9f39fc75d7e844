//go:build linux

package boottest

import (
	"context"
	"path/filepath"
	"runtime"
)

// Build builds the hangkit of this module.
func (k *Kit) Build(ctx context.Context) error {
	k.Program = filepath.Join(k.Dir, "hangkit")
	return build(ctx, runtime.GOARCH, k.Program)
}

// build builds it as a release is built.
func build(ctx context.Context, arch, program string) error {
	_, err := output(ctx, "env", "CGO_ENABLED=0", "GOARCH="+arch, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", program, "hangkit")
	return err
}

// MakeMedium makes the file that is written to a stick.
func (k *Kit) MakeMedium(ctx context.Context, file string, flags ...string) error {
	_, err := output(ctx, k.Program, append([]string{"image", "live", "-o", file}, flags...)...)
	return err
}

// MakeARM64Medium makes the medium of the other architecture, with a hangkit built for it.
func (k *Kit) MakeARM64Medium(ctx context.Context) (string, error) {
	program, medium := filepath.Join(k.Dir, "hangkit-arm64"), filepath.Join(k.Dir, "arm64.iso")
	if err := build(ctx, "arm64", program); err != nil {
		return "", err
	}
	return medium, k.MakeMedium(ctx, medium, "--arch", "arm64", "--binary", program)
}
