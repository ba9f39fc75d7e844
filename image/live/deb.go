package live

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// A package is an ar archive of three members, the last of them a tar with the files (deb(5)).
const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	arEnd        = "`\n"
)

// maxUnpacked is more than any package here unpacks to.
const maxUnpacked = 1 << 30

// readDeb calls each for every regular file of a package, with its path from the root. The reader
// is good until each returns.
func readDeb(r io.Reader, each func(name string, size int64, r io.Reader) error) error {
	magic := make([]byte, len(arMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != arMagic {
		return fmt.Errorf("package: no ar archive: %w", ErrFormat)
	}
	for {
		name, size, err := arMember(r)
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("package: no data.tar in it: %w", ErrFormat)
		}
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "data.tar") {
			return readData(name, io.LimitReader(r, size), each)
		}
		if _, err := io.CopyN(io.Discard, r, size+size%2); err != nil {
			return fmt.Errorf("package: %s: %w", name, err)
		}
	}
}

// arMember reads the header of the next member (ar(5)): 16 bytes of name, 10 of size at 48.
func arMember(r io.Reader) (name string, size int64, err error) {
	h := make([]byte, arHeaderSize)
	if n, err := io.ReadFull(r, h); err != nil {
		if n == 0 {
			return "", 0, io.EOF
		}
		return "", 0, fmt.Errorf("package: cut short: %w", ErrFormat)
	}
	size, err = strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
	if err != nil || size < 0 || string(h[58:]) != arEnd {
		return "", 0, fmt.Errorf("package: header of a member: %w", ErrFormat)
	}
	return strings.TrimRight(string(h[:16]), " /"), size, nil
}

// readData reads the tar with the files.
func readData(name string, r io.Reader, each func(name string, size int64, r io.Reader) error) error {
	plain, err := unpacker(path.Ext(name), r)
	if err != nil {
		return fmt.Errorf("package: %s: %w", name, err)
	}
	files := tar.NewReader(io.LimitReader(plain, maxUnpacked))
	for {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("package: %s: %w: %w", name, ErrFormat, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := each(strings.TrimPrefix(path.Clean("/"+h.Name), "/"), h.Size, files); err != nil {
			return err
		}
	}
}

// unpackBuffer is what is read at once of a packed file.
const unpackBuffer = 256 << 10

// unpacker undoes the compression that a file's name ends in.
func unpacker(ext string, r io.Reader) (io.Reader, error) {
	switch ext {
	case ".xz":
		return xz.NewReader(bufio.NewReaderSize(r, unpackBuffer)) // which reads single bytes
	case ".zst":
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	case ".tar", ".ko", "":
		return r, nil
	}
	return nil, fmt.Errorf("compression %q: %w", ext, errors.ErrUnsupported)
}

// unpack undoes the compression of a small file, which must not become larger than limit.
func unpack(ext string, packed []byte, limit int64) ([]byte, error) {
	r, err := unpacker(ext, bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return readBounded(r, limit)
}

// readBounded reads all of r, which must not be larger than limit.
func readBounded(r io.Reader, limit int64) ([]byte, error) {
	plain, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(plain)) > limit {
		return nil, fmt.Errorf("more than %d bytes: %w", limit, ErrFormat)
	}
	return plain, nil
}

// readSized reads the size bytes that a header promised. What it promises beyond limit is refused,
// and what is not there is never asked memory for: the reader ends where its file does.
func readSized(r io.Reader, size, limit int64) ([]byte, error) {
	if size < 0 || size > limit {
		return nil, fmt.Errorf("%d bytes, at most %d: %w", size, limit, ErrFormat)
	}
	var b bytes.Buffer
	b.Grow(int(min(size, firstPiece)) + bytes.MinRead)
	if _, err := io.CopyN(&b, r, size); err != nil {
		return nil, fmt.Errorf("cut short: %w: %w", ErrFormat, err)
	}
	return b.Bytes(), nil
}

// firstPiece is the most memory that is set aside on the word of a header.
const firstPiece = 1 << 20
