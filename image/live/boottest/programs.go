//go:build linux

package boottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// output runs a program that must succeed and returns what it prints.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	out, complaints, status, err := finish(ctx, name, args...)
	if err == nil && status != 0 {
		err = fmt.Errorf("%s %s: exit status %d\n%s", name, strings.Join(args, " "), status, complaints)
	}
	return out, err
}

// finish runs a program to its end and returns what it prints, what it complains about, and
// its exit status.
func finish(ctx context.Context, name string, args ...string) (out, complaints []byte, status int, err error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return stdout.Bytes(), stderr.Bytes(), exit.ExitCode(), nil
	}
	if err != nil {
		return nil, nil, -1, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return stdout.Bytes(), stderr.Bytes(), 0, nil
}

// Missing names the programs and files that a lane needs and this machine does not have.
func Missing(names ...string) []string {
	var missing []string
	for _, name := range names {
		_, err := exec.LookPath(name)
		if strings.HasPrefix(name, "/usr/share/") {
			_, err = os.Stat(name)
		}
		if err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// Needed are all the programs and firmware files of the lanes of a PC.
func Needed() []string {
	return []string{
		"qemu-system-x86_64", ovmf + "/OVMF_CODE_4M.fd", ovmf + "/OVMF_CODE_4M.secboot.fd", ovmf + "/OVMF_VARS_4M.ms.fd",
		"ntfsresize", "ntfsfix", "ntfscat", "ntfsinfo", "hivexget", "hivexml", "fls", "icat", "fsck.exfat", "mcopy", "sfdisk",
	}
}

// NeededARM64 is what the lane of the arm64 machine needs beside that.
func NeededARM64() []string {
	return []string{"qemu-system-aarch64", aavmf + "/AAVMF_CODE.fd", aavmf + "/AAVMF_VARS.fd"}
}
