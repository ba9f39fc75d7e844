package hive

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// Several workers find something wrong exactly where one alone does, whatever is damaged.
func TestValidateInParallel(t *testing.T) {
	t.Parallel()
	crowded := crashHive(t, true, false)
	damages := 80
	if requireOracles() {
		damages = 600
	}
	for name, p := range map[string][]byte{"made up": crowded, "Windows 10": sample(t, "real/SYSTEM_win10_10240_small")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(5, 6))
			cells, wrong := likelyCells(mustOpen(t, files{p}).mustBins(t)), 0
			for range damages {
				h := mustOpen(t, files{p})
				damage(h.mustBins(t), cells, random)
				inUse, err := h.bins.cellsInUse()
				if err != nil {
					continue
				}
				alone, several := newChecker(h, inUse), newChecker(h, inUse)
				alone.run(h.base.rootCell())
				several.runParallel(h.base.rootCell())
				if (len(alone.found) == 0) != (len(several.found) == 0) {
					t.Fatalf("one worker finds %v, several find %v", alone.found, several.found)
				}
				if len(alone.found) > 0 {
					wrong++
				}
			}
			if wrong < damages/4 {
				t.Errorf("only %d of %d damages were found: they do not hit what is checked", wrong, damages)
			}
		})
	}
}

// likelyCells gives the offsets of all that looks like a cell in use.
func likelyCells(bins []byte) (cells []uint32) {
	for off := uint32(0); int(off) < len(bins); off += cellAlign {
		if s := cellSize(le.Uint32(bins[off:])); s.allocated() && s.total()%cellAlign == 0 && s.total() < pageSize {
			cells = append(cells, off)
		}
	}
	return cells
}

// damage overwrites a few dwords of cells, mostly with the offsets of other cells: references that
// lead somewhere, but to the wrong place.
func damage(bins []byte, cells []uint32, random *rand.Rand) {
	for range 1 + random.IntN(3) {
		at := int(cells[random.IntN(len(cells))]) + 4 + 4*random.IntN(15)
		if at+4 > len(bins) {
			continue
		}
		if field := bins[at:][:4]; random.IntN(4) == 0 {
			field[random.IntN(4)] ^= 1 << random.IntN(8)
		} else {
			le.PutUint32(field, cells[random.IntN(len(cells))])
		}
	}
}

// Windows refuses these; each is made of a hive that is valid otherwise.
func TestValidateWhatWindowsRefuses(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(h *Hive, root keyNode) error{
		"length of a class name that is not there": func(_ *Hive, root keyNode) error { root.setClass(nilOffset, 10); return nil },
		"empty leaf below an index root": func(h *Hive, root keyNode) error {
			empty, err := h.newList(hashLeaf, nil)
			if err != nil {
				return err
			}
			top, err := h.newList(indexRoot, le.AppendUint32(le.AppendUint32(nil, root.subkeyList()), empty))
			root.setSubkeyList(top)
			return err
		},
		"empty security descriptor": func(h *Hive, root keyNode) error {
			s, err := h.bins.editKeySecurity(root.security())
			le.PutUint32(s[16:], 0)
			return err
		},
		"security descriptor of zeros": func(h *Hive, root keyNode) error {
			s, err := h.bins.editKeySecurity(root.security())
			clear(s.descriptor())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := mustOpen(t, smallHive(t, 5))
			if err := h.prepare(); err != nil {
				t.Fatal(err)
			}
			noFindings(t, h)
			root, err := h.bins.editKeyNode(h.base.rootCell())
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(h, root); err != nil {
				t.Fatal(err)
			}
			if err := h.Validate(); !errors.Is(err, ErrFormat) {
				t.Errorf("error %v", err)
			}
		})
	}
}
