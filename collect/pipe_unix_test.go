//go:build unix

package collect_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hangkit/collect"
)

// TestPipes: a pipe in the place of a file is an error, not a wait for its other end.
func TestPipes(t *testing.T) {
	t.Parallel()
	d := &dump{b: memory(3<<20 + 5), bad: []int64{3}}
	for _, name := range []string{"/parts.json", "/part.0002", ".map"} {
		res := cutInParts(t, d, collect.Options{})
		pipe := res.Path + name
		if err := os.Remove(pipe); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(pipe, 0o600); err != nil {
			t.Skip(err)
		}
		done := make(chan error, 2)
		go func() {
			_, err := collect.OpenCopy(res.Path)
			done <- err
		}()
		go func() {
			_, err := collect.Join(t.Context(), res.Path, "", nil)
			done <- err
		}()
		for range 2 {
			select {
			case err := <-done:
				if err == nil {
					t.Errorf("%s: opened", name)
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: still waiting", name)
			}
		}
	}
}

// TestPipeForFolder: a pipe where a folder was to be named is not waited for.
func TestPipeForFolder(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 2)
	go func() {
		_, err := collect.Join(t.Context(), pipe, "", nil)
		done <- err
	}()
	go func() {
		_, err := collect.ReadManifest(filepath.Join(pipe, collect.ManifestName))
		done <- err
	}()
	for range 2 {
		select {
		case err := <-done:
			if !errors.Is(err, syscall.ENOTDIR) {
				t.Errorf("%v, want %v", err, syscall.ENOTDIR)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it waits for the pipe's other end")
		}
	}
}
