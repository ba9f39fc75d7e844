package offline

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"hangkit/offline/internal/ui"
)

// indexFlag names the image of a WIM archive that is meant, or all of them.
type indexFlag struct {
	n   int
	all bool
}

const allImages = "all"

// UnmarshalText parses the flag.
func (f *indexFlag) UnmarshalText(text []byte) error {
	if string(text) == allImages {
		f.all = true
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("%q is no image: say its number, as list shows it, or all", text)
	}
	f.n = n
	return nil
}

var (
	errNotArchive = errors.New("--index is for WIM archives")
	errOneImage   = errors.New("only check, arm and undo take --index all")
	errNeverRan   = errors.New("the images of a WIM archive have not run yet: there is nothing to collect")
)

// choose returns the installation the user means: that of the image, if one is named.
func (f *TargetFlags) choose(s *scan) (*found, error) {
	switch {
	case f.Index.all:
		return nil, ui.Fail(ui.Usage, errOneImage)
	case f.Index.n == 0:
		return s.choose(f.Install)
	}
	images := s.images()
	if images == 0 {
		return nil, ui.Fail(ui.Usage, errNotArchive)
	}
	if f.Index.n > images {
		return nil, ui.Fail(ui.NotFound, fmt.Errorf("there is no image %d, only %d of them", f.Index.n, images), "run 'hangkit list' to see them")
	}
	for _, g := range s.installs {
		if g.Volume.Image() == f.Index.n && !g.Old {
			return g, nil
		}
	}
	return nil, ui.Fail(ui.NotFound, fmt.Errorf("%w in image %d", errNoWindows, f.Index.n))
}

// images is the number of images of the archives in reach.
func (s *scan) images() int {
	most := 0
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			most = max(most, v.Image())
		}
	}
	return most
}

// eachImage runs a command for one image after the other, and goes on behind one that
// failed. Those without a Windows are left out.
func (f *TargetFlags) eachImage(ctx context.Context, run func() error) error {
	s, err := openScan(ctx, f.names())
	if err != nil {
		return err
	}
	numbers := []int{}
	for _, g := range s.installs {
		if n := g.Volume.Image(); n > 0 && !g.Old {
			numbers = append(numbers, n)
		}
	}
	images, none := s.images(), s.noWindows()
	if err := s.Close(); err != nil {
		return err
	}
	switch {
	case images == 0:
		return ui.Fail(ui.Usage, errNotArchive)
	case len(numbers) == 0:
		return none
	}
	var errs []error
	for _, n := range numbers {
		f.Index = indexFlag{n: n}
		if err := run(); ctx.Err() != nil {
			return errors.Join(append(errs, err)...)
		} else if err != nil {
			errs = append(errs, imageError(n, err))
		}
	}
	return joined(errs)
}

// imageError says in which image something failed. A verdict needs no words: it was
// printed.
func imageError(n int, err error) error {
	if errors.Is(err, ui.ErrVerdict) {
		return err
	}
	return fmt.Errorf("image %d: %w", n, err)
}

// joined is one error for several: a failure says more than a verdict.
func joined(errs []error) error {
	var failed []error
	for _, err := range errs {
		if !errors.Is(err, ui.ErrVerdict) {
			failed = append(failed, err)
		}
	}
	switch {
	case len(failed) == 1:
		return failed[0]
	case len(failed) > 1:
		return errors.Join(failed...)
	case len(errs) > 0:
		return errs[0]
	}
	return nil
}

// choiceWords name an installation in a list of several.
func (f *found) choiceWords() string {
	if n := f.Volume.Image(); n > 0 {
		words := fmt.Sprintf("--index %d: %s", n, f.where())
		if f.Volume.Info.Label != "" {
			words += fmt.Sprintf(", %q", f.Volume.Info.Label)
		}
		return words
	}
	return fmt.Sprintf("--install %d: %s", f.N, f.where())
}

// onlyArchives tells whether nothing but WIM archives is in reach.
func (s *scan) onlyArchives() bool {
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if v.Image() == 0 {
				return false
			}
		}
	}
	return s.images() > 0
}
