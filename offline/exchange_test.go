package offline

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"hangkit/image"
	"hangkit/ntfs"
	"hangkit/ntfs/format"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// replacedDisk is a volume whose hive was replaced, and what leads back.
func replacedDisk(t *testing.T) (image.Disk, *exchange) {
	t.Helper()
	disk := cleanVolume(t, fullFiles(t))
	e := editOf(t, disk)
	defer e.Close()
	x := plannedExchange(t, e)
	if err := e.writeReplaced(t.Context()); err != nil {
		t.Fatal(err)
	}
	return disk, x
}

// restoreOn does what undo --bytes does behind the question.
func restoreOn(ctx context.Context, x *exchange, s *scan) error {
	to, err := x.open(s.installs[0], false)
	if err != nil {
		return err
	}
	return to.restore(ctx, ui.New(nil, io.Discard, io.Discard))
}

// TestExchangeAltered: a file of old bytes of which a single one is another is refused
// before any disk is looked at.
func TestExchangeAltered(t *testing.T) {
	t.Parallel()
	img := fullImage(t, format.Options{Log: format.LogClean})
	doc := replacedArm(t, img)
	before := fileDigest(t, img)
	text, err := os.ReadFile(doc.OldBytes)
	if err != nil {
		t.Fatal(err)
	}
	olds := regexp.MustCompile(`"old":"[0-9a-f]+`).FindAllIndex(text, -1)
	sum := regexp.MustCompile(`"steps_sha256":"[0-9a-f]+"`).FindIndex(text)
	if len(olds) < 3 || sum == nil {
		t.Fatalf("%d sectors, sum at %v", len(olds), sum)
	}
	altered := map[string][]byte{"no sum": bytes.Replace(text, text[sum[0]:sum[1]], []byte(`"steps_sha256":""`), 1)}
	for name, at := range map[string]int{"first": olds[0][1] - 1, "last": olds[len(olds)-1][1] - 7} {
		b := bytes.Clone(text)
		b[at] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", b[at])]
		altered[name] = b
	}
	for name, b := range altered {
		file := filepath.Join(t.TempDir(), "bytes.json")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if said := refused(t, 5, "undo", img, "--bytes", file, "--yes"); !strings.Contains(said, "nothing was changed") {
			t.Errorf("%s: %s", name, said)
		}
		if fileDigest(t, img) != before {
			t.Fatalf("%s: the image was changed", name)
		}
	}
}

// TestUndoBytesTried: old bytes that would not bring the old file back on a volume as
// sound as it is are refused before the first write, whatever the sum over them says.
func TestUndoBytesTried(t *testing.T) {
	t.Parallel()
	disk, good := replacedDisk(t)
	tests := map[string]struct {
		kind  ntfs.StepKind // of the step that is altered
		alter func(old []byte)
		words string
	}{
		"record": {ntfs.StepCommit, func(b []byte) { b[510] ^= 0xff }, "do not bring the old file back"},
		"freed":  {ntfs.StepPrepare, func(b []byte) { b[0] = 0 }, "its structure contradicts itself"}, // the boot sector's cluster
		"leaked": {ntfs.StepPrepare, func(b []byte) { b[500] = 0x3c }, "4 clusters would stay taken"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := *good
			x.Steps = nil
			altered := 0
			for _, s := range good.Steps {
				step := exchangeStep{Kind: s.Kind, What: s.What}
				for _, w := range s.Writes {
					if s.Kind == tt.kind.String() {
						w.Old = bytes.Clone(w.Old)
						tt.alter(w.Old)
						altered++
					}
					step.Writes = append(step.Writes, w)
				}
				x.Steps = append(x.Steps, step)
			}
			recorder := image.NewRecorder(image.NewOverlay(disk))
			err := restoreOn(t.Context(), &x, scanOf(t, recorder))
			if told := ui.Explain(err, rules); altered == 0 || told.Status != ui.Refused || told.Effect != ui.Unchanged || !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%d sectors altered: %v: %+v", altered, err, told)
			}
			if len(recorder.Ops()) != 0 {
				t.Error("something was written")
			}
		})
	}
}

// TestUndoBytesRefusals: a volume or logs that are not as the replacement left them are
// refused, and nothing is changed.
func TestUndoBytesRefusals(t *testing.T) {
	t.Parallel()
	img := fullImage(t, format.Options{Log: format.LogClean})
	doc := replacedArm(t, img)
	v, err := ntfs.Open(loadDisk(t, img))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int64 {
		e, err := v.Extents(name)
		if err != nil {
			t.Fatal(err)
		}
		return e[0].DeviceOffset
	}
	cluster := at("$MFT") / v.Info().ClusterSize
	for name, tt := range map[string]struct {
		damage func(b []byte)
		words  string
	}{
		"other log":           {func(b []byte) { b[at(systemName+".LOG1")+700] ^= 1 }, "its logs have been written"},
		"dangerous structure": {func(b []byte) { b[at("$Bitmap")+cluster/8] &^= 1 << (cluster % 8) }, "its structure contradicts itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := makeCopy(t, img)
			data := readImage(t, other)
			tt.damage(data)
			if err := os.WriteFile(other, data, 0o600); err != nil {
				t.Fatal(err)
			}
			text := refused(t, 4, "undo", other, "--bytes", doc.OldBytes, "--yes")
			if !strings.Contains(text, tt.words) || !strings.Contains(text, "nothing was changed") {
				t.Errorf("%q is missing in: %s", tt.words, text)
			}
			if !bytes.Equal(readImage(t, other), data) {
				t.Error("the image was changed")
			}
		})
	}
}

func loadDisk(t *testing.T, img string) image.Disk {
	t.Helper()
	data := readImage(t, img)
	disk := image.NewMemory(int64(len(data)), 512)
	if _, err := disk.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return disk
}

// TestUndoBytesReset: the way back empties a journal only where that is needed, and says
// so before and after.
func TestUndoBytesReset(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		log   format.LogState
		reset bool
	}{"clean": {format.LogClean, false}, "in use": {format.LogV2, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := fullImage(t, format.Options{Log: tt.log})
			doc := replacedArm(t, img, "--reset-journal")
			back, err := readWayBack(doc.OldBytes)
			if err != nil {
				t.Fatal(err)
			}
			to, err := back.open(scanOf(t, loadDisk(t, img)).installs[0], true)
			if err != nil {
				t.Fatal(err)
			}
			said := hangkit(t, 0, "undo", img, "--bytes", doc.OldBytes, "--yes", "--reset-journal")
			for _, text := range []string{bytesQuestion(back, to), said} {
				if strings.Contains(text, "journal is emptied") != tt.reset || strings.Contains(text, "autochk") != tt.reset {
					t.Errorf("reset %t: %s", tt.reset, text)
				}
			}
			if s := stateOf(t, img); s.Dirty != tt.reset || s.Log.State == ntfs.LogEmpty != tt.reset {
				t.Errorf("left as %v", s.Words())
			}
		})
	}
}

// endsWithWrites is interrupted once a dry run would have written.
type endsWithWrites struct {
	context.Context
	of *target.Target
}

func (c *endsWithWrites) Err() error {
	if len(c.of.Pending()) > 0 {
		return context.Canceled
	}
	return nil
}

// TestUndoBytesDryRunEffect: a dry run that fails behind its writes has changed nothing.
func TestUndoBytesDryRunEffect(t *testing.T) {
	t.Parallel()
	disk, x := replacedDisk(t)
	opened, err := target.FromDisk("disk", disk, target.DryRun)
	if err != nil {
		t.Fatal(err)
	}
	s := &scan{}
	s.addTarget(opened)
	err = restoreOn(&endsWithWrites{t.Context(), opened}, x, s)
	if told := ui.Explain(err, rules); len(opened.Pending()) == 0 || told.Status != ui.Interrupted || told.Effect != ui.Unchanged {
		t.Errorf("%v: %+v", err, told)
	}
}

// forgetful is a disk that keeps nothing of what it accepts.
type forgetful struct{ image.Disk }

func (forgetful) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }

// TestUndoBytesBegun: what fails behind the first write is no refusal.
func TestUndoBytesBegun(t *testing.T) {
	t.Parallel()
	disk, x := replacedDisk(t)
	err := restoreOn(t.Context(), x, scanOf(t, forgetful{disk}))
	if told := ui.Explain(err, rules); told.Status != ui.Failed || told.Effect != ui.MayChanged {
		t.Errorf("%v: %+v", err, told)
	}
}
