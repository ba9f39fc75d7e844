package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// source is what is released.
type source struct {
	root      string // of the module
	version   string // 1.2.3, or 0.0.0+commit
	revision  string // the commit; empty outside of a repository
	date      time.Time
	toolchain string // the Go that go.mod names: another one makes other bytes
}

// commitDigits of a commit's id are enough to name it.
const commitDigits = 12

// epochVariable is the date of everything that a reproducible build dates
// (reproducible-builds.org, SOURCE_DATE_EPOCH).
const epochVariable = "SOURCE_DATE_EPOCH"

func findSource(ctx context.Context, version string) (s source, err error) {
	gomod, err := output(ctx, "", "go", "env", "GOMOD")
	if err != nil {
		return s, err
	}
	s = source{root: filepath.Dir(gomod), version: version}
	if s.toolchain, err = findToolchain(ctx, s.root); err != nil {
		return s, err
	}
	s.revision, err = output(ctx, s.root, "git", "rev-parse", "HEAD")
	inRepository := err == nil
	if s.version == "" {
		if !inRepository {
			return s, fmt.Errorf("no repository to name the version by: say --version: %w", err)
		}
		if s.version, err = versionOf(ctx, s.root, s.revision); err != nil {
			return s, err
		}
	}
	s.date, err = dateOf(ctx, s.root)
	return s, err
}

func findToolchain(ctx context.Context, root string) (string, error) {
	text, err := output(ctx, root, "go", "mod", "edit", "-json")
	if err != nil {
		return "", err
	}
	var module struct{ Toolchain string }
	if err := json.Unmarshal([]byte(text), &module); err != nil {
		return "", err
	}
	if module.Toolchain == "" {
		return "", errors.New("go.mod names no toolchain")
	}
	return module.Toolchain, nil
}

// versionOf is the tag of the commit, or else its id. What differs from the commit says so.
func versionOf(ctx context.Context, root, revision string) (string, error) {
	version := "0.0.0+" + revision[:commitDigits]
	if tag, err := output(ctx, root, "git", "describe", "--tags", "--exact-match", "--match", "v[0-9]*"); err == nil {
		version = strings.TrimPrefix(tag, "v")
	}
	changed, err := output(ctx, root, "git", "status", "--porcelain", "--untracked-files=no")
	if changed != "" {
		version += ".dirty"
	}
	return version, err
}

func dateOf(ctx context.Context, root string) (time.Time, error) {
	text, given := os.LookupEnv(epochVariable)
	if !given {
		var err error
		if text, err = output(ctx, root, "git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, fmt.Errorf("no repository to take the date from: set %s: %w", epochVariable, err)
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", epochVariable, err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// output runs a program and is what it printed.
func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	return outputOf(cmd)
}

func outputOf(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
