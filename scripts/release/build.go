package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// platform is a system and a processor that hangkit is released for.
type platform struct{ os, arch string }

var platforms = []platform{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}

func (p platform) String() string { return p.os + "-" + p.arch }

// program is what the binary is called in an archive.
func (p platform) program() string {
	if p.os == "windows" {
		return "hangkit.exe"
	}
	return "hangkit"
}

// binary is what it is called on its own.
func (p platform) binary() string {
	return strings.Replace(p.program(), "hangkit", "hangkit-"+p.String(), 1)
}

// maxBinary and maxISO are the promise that everything fits onto the smallest medium.
const (
	maxBinary = 16e6
	maxISO    = 120e6
)

// errTooLarge says that a release has outgrown its promise.
var errTooLarge = errors.New("too large")

func (r *release) buildAll(ctx context.Context) error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, p := range r.platforms {
		name := filepath.Join(r.out, p.binary())
		if err := r.build(ctx, p, name); err != nil {
			return err
		}
		if err := checkSize(name, maxBinary); err != nil {
			return err
		}
		if p == (platform{runtime.GOOS, runtime.GOARCH}) {
			r.host = name
		}
	}
	if r.host != "" {
		return nil
	}
	r.host = filepath.Join(r.work, "hangkit")
	return r.build(ctx, platform{runtime.GOOS, runtime.GOARCH}, r.host)
}

// build makes one binary. It does not look at the repository: what a source makes must
// not depend on whether it came from git or from a tarball.
func (r *release) build(ctx context.Context, p platform, name string) error {
	const stamp = " -X hangkit/offline.stamped"
	flags := "-s -w -buildid=" + stamp + "Version=" + r.version + stamp + "Revision=" + r.revision +
		stamp + "Date=" + r.date.Format(time.RFC3339)
	cmd := r.goTool(ctx, p, "build", "-trimpath", "-buildvcs=false", "-ldflags="+flags, "-o", name, ".")
	_, err := outputOf(cmd)
	return err
}

// goTool is the Go tool with all that a user's environment could make of it fixed.
func (r *release) goTool(ctx context.Context, p platform, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = r.root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GOWORK=off", "GOTOOLCHAIN="+r.toolchain)
	return cmd
}

func checkSize(name string, limit int64) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.Size() >= limit {
		return fmt.Errorf("%s: %w: %d bytes, want less than %d", name, errTooLarge, info.Size(), limit)
	}
	return nil
}
