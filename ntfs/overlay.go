package ntfs

import (
	"errors"
	"fmt"
	"io"

	"hangkit/ntfs/internal/wof"
)

// Of the reparse buffer of the Windows Overlay Filter: WOF_EXTERNAL_INFO and,
// for the provider that keeps contents in the file itself,
// FILE_PROVIDER_EXTERNAL_INFO_V1 (Windows SDK).
const (
	overlayVersion         = reparseHeader
	overlayProvider        = reparseHeader + 0x04
	overlayProviderVersion = reparseHeader + 0x08
	overlayAlgorithm       = reparseHeader + 0x0c
	overlaySize            = reparseHeader + 0x10

	overlayVersion1         = 1
	overlayProviderFile     = 2
	overlayProviderVersion1 = 1
)

// overlayStream is where the filter keeps the contents.
var overlayStream = asciiName("WofCompressedData")

// overlay opens the contents of a file the Windows Overlay Filter keeps,
// described by its reparse point and as long as the unnamed stream, which is
// one hole. The error says why that cannot be.
func (n *node) overlay(reparse []byte, size int64) (io.ReaderAt, error) {
	if len(reparse) < overlaySize {
		return nil, damaged(n.base.off, "$REPARSE_POINT of CompactOS: size", fmt.Sprintf("at least %d", overlaySize), len(reparse))
	}
	version, provider := le.Uint32(reparse[overlayVersion:]), le.Uint32(reparse[overlayProvider:])
	if version != overlayVersion1 || provider != overlayProviderFile || le.Uint32(reparse[overlayProviderVersion:]) != overlayProviderVersion1 {
		return nil, fmt.Errorf("%w: the data is kept by provider %d of the Windows Overlay Filter (version %d)", ErrUnsupported, provider, version)
	}
	s, ok, err := n.stream(typeData, overlayStream)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, damaged(n.base.off, "file compressed by CompactOS: stream WofCompressedData", "present", "none")
	}
	packed, err := s.decoded()
	if err != nil {
		return nil, err
	}
	r, err := wof.NewReader(packed, s.size, size, wof.Algorithm(le.Uint32(reparse[overlayAlgorithm:])))
	if err != nil {
		return nil, overlayError(err)
	}
	return overlayReader{r}, nil
}

// overlayReader gives errors of the format this package's types.
type overlayReader struct{ io.ReaderAt }

func (r overlayReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.ReaderAt.ReadAt(p, off)
	return n, overlayError(err)
}

func overlayError(err error) error {
	switch {
	case errors.Is(err, wof.ErrAlgorithm):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	case errors.Is(err, wof.ErrCorrupt):
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return err
}
