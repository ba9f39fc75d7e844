package live

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Store is where packages are kept, and from where they are fetched.
type Store struct {
	Dir      string                                            // a folder with packages, which is made if it has to be
	Offline  bool                                              // nothing is fetched
	Get      func(ctx context.Context, url, name string) error // fetches into a new file; nil is curl or wget
	Progress func(done, total int64)
}

// CacheDir is where this user's packages are kept.
func CacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("folder for packages: %w", err)
	}
	return filepath.Join(dir, "hangkit", "packages"), nil
}

// Open opens a package that is the pinned one, byte for byte, and fetches it first if it has to.
func (s *Store) Open(ctx context.Context, lock *Lock, p Package) (*os.File, error) {
	name := filepath.Join(s.Dir, p.FileName())
	file, err := openPinned(name, p)
	if err == nil || s.Offline && !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	if s.Offline {
		return nil, fmt.Errorf("%s: %w", name, ErrOffline)
	}
	if err := s.fetch(ctx, lock.URLs(p), name, p); err != nil {
		return nil, err
	}
	return openPinned(name, p)
}

// openPinned opens a file if its size and digest are the pinned ones.
func openPinned(name string, p Package) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.LimitReader(file, p.Size+1))
	if err == nil {
		err = p.check(n, sum.Sum(nil))
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), file.Close())
	}
	return file, nil
}

// check compares size and digest with the pinned ones.
func (p Package) check(size int64, sum []byte) error {
	if size != p.Size {
		return fmt.Errorf("%w: %d bytes or more, want %d", ErrUntrusted, size, p.Size)
	}
	if got := hex.EncodeToString(sum); got != p.SHA256 {
		return fmt.Errorf("%w: SHA-256 %s, want %s", ErrUntrusted, got, p.SHA256)
	}
	return nil
}

// fetch takes the package from the first place that has it.
func (s *Store) fetch(ctx context.Context, urls []string, name string, p Package) error {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	var errs []error
	for _, url := range urls {
		err := s.fetchFrom(ctx, url, name, p)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// fetchFrom takes the package from one place. The file gets its name when it is whole and proven.
func (s *Store) fetchFrom(ctx context.Context, url, name string, p Package) (err error) {
	temp := name + ".part"
	defer func() {
		if gone := os.Remove(temp); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	get := s.Get
	if get == nil {
		get = download
	}
	watched, stop := context.WithCancel(ctx)
	defer stop()
	go s.watch(watched, stop, temp, p)
	if err := get(watched, url, temp); err != nil {
		return err
	}
	file, err := openPinned(temp, p)
	if err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	return errors.Join(file.Close(), os.Rename(temp, name))
}

// watchPause is how often it is looked how much has come.
const watchPause = 200 * time.Millisecond

// watch tells how much has come, and ends what comes to more than it should be.
func (s *Store) watch(ctx context.Context, stop func(), name string, p Package) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(watchPause):
		}
		info, err := os.Stat(name)
		if err != nil {
			continue // nothing has come yet
		}
		if info.Size() > p.Size {
			stop()
			return
		}
		if s.Progress != nil {
			s.Progress(info.Size(), p.Size)
		}
	}
}

// downloaders are programs that fetch a URL over HTTPS, each with its arguments in front of the
// file's name and the URL's. They know this machine's proxies and certificates; that they are
// honest need not be believed, for the digest is pinned. An HTTPS client of our own would make the
// program a seventh larger, on every stick too.
var downloaders = [][]string{
	{"curl", "--fail", "--silent", "--show-error", "--location", "--proto", "=https", "--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "60", "--output"},
	{"wget", "--quiet", "--timeout=60", "--tries=2", "--output-document"},
}

// ErrNoDownloader is a machine on which nothing fetches a URL.
var ErrNoDownloader = errors.New("neither curl nor wget is installed")

// download fetches a URL with the first downloader that is installed.
func download(ctx context.Context, url, name string) error {
	for _, words := range downloaders {
		program, err := exec.LookPath(words[0])
		if err != nil {
			continue
		}
		cmd := exec.CommandContext(ctx, program, append(slices.Clone(words[1:]), name, url)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", url, err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	return ErrNoDownloader
}
