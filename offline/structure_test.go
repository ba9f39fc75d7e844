package offline

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"hangkit/ntfs/format"
	"hangkit/offline/internal/ui"
	"hangkit/offline/windows/sample"
)

// leaked marks a cluster near the end of the volume as used that nobody uses.
func leaked(b *broken) {
	last := int64(64<<20)/int64(b.layout.ClusterSize) - 64
	b.poke(b.content("$Bitmap")+last/8, 1)
}

// TestVerifyVolume: what is wrong with a volume's structure is said kind by kind, the
// exit status tells, and JSON carries every finding.
func TestVerifyVolume(t *testing.T) {
	t.Parallel()
	files := sampleFiles(t, sample.Client())
	freed := func(b *broken) {
		b.poke(b.content("$Bitmap")+b.content(systemName)/int64(b.layout.ClusterSize)/8, 0, 0, 0)
	}
	tests := map[string]struct {
		spec   volumeSpec
		status int
		words  []string
	}{
		"sound":        {volumeSpec{files: files}, 0, []string{"structure: sound; "}},
		"leak":         {volumeSpec{files: files, damage: leaked}, 7, []string{"structure: FAULTY; ", "leak: space stays taken", "leaked clusters (1)"}},
		"marked free":  {volumeSpec{files: files, damage: freed}, 7, []string{"dangerous: a write may destroy", "unmarked clusters ("}},
		"marked dirty": {volumeSpec{files: files, options: format.Options{VolumeFlags: format.VolumeDirty}}, 7, []string{"marked dirty: Windows will check", "nothing contradicts itself, but", "volume flags (1)"}},
		"torn record": {volumeSpec{files: files, damage: func(b *broken) { b.poke(b.record(systemName)+510, 0xAA, 0xAA) }}, 7,
			[]string{"cannot be used", "structures contradict each other", "unreadable record (1)", "      record "}},
		"no boot sector": {volumeSpec{files: files, damage: func(b *broken) { b.poke(11, 3, 7) }}, 7,
			[]string{"not readable: ", "not everything could be checked: the boot sector does not say"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := makeBroken(t, tt.spec)
			before := fileDigest(t, img)
			out := hangkit(t, tt.status, "list", img, "--verify-volume")
			for _, want := range tt.words {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			checkStructureJSON(t, hangkit(t, tt.status, "list", img, "--verify-volume", "--json"), tt.status == 0)
			if fileDigest(t, img) != before {
				t.Error("the image was changed")
			}
		})
	}
}

// checkStructureJSON demands that the document tells sound from faulty, and a finding
// for each that was counted.
func checkStructureJSON(t *testing.T, text string, sound bool) {
	t.Helper()
	var doc listDocument
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	s := doc.Targets[0].Volumes[0].Structure
	if s == nil || s.Clean != sound || sound != (len(s.Findings) == 0) {
		t.Fatalf("structure: %+v, want sound %t", s, sound)
	}
	for _, g := range s.Findings {
		if int64(len(g.Findings)) != g.Count || g.Kind == "" || g.Severity == "" {
			t.Errorf("%s: %d findings listed, %d counted", g.Kind, len(g.Findings), g.Count)
		}
	}
}

// TestVerifyVolumeOnCheck: a Windows that is ready on a volume that is not sound is not
// passed over.
func TestVerifyVolumeOnCheck(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client()), damage: leaked})
	out := hangkit(t, 7, "check", img, "--ram", "1G", "--verify-volume")
	if !strings.Contains(out, "\nIs the volume sound?\n  structure: FAULTY; ") {
		t.Errorf("the structure is missing in:\n%s", out)
	}
	var doc struct {
		Structure *structureJSON
		Volume    *conditionJSON
	}
	if err := json.Unmarshal([]byte(hangkit(t, 7, "check", img, "--verify-volume", "--json")), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Structure == nil || doc.Structure.Clean || doc.Volume == nil || doc.Volume.Journal != "empty" {
		t.Errorf("structure %+v, volume %+v", doc.Structure, doc.Volume)
	}
	ready := checkDocument{Ready: true, Structure: doc.Structure}
	if ui.Explain(ready.verdict(), rules).Status != ui.NotReady {
		t.Error("a faulty volume below a Windows that is ready passes")
	}
}

// TestVerifyVolumeElsewhere: where there is no volume to look at, that is said.
func TestVerifyVolumeElsewhere(t *testing.T) {
	t.Parallel()
	text := refused(t, 6, "list", t.TempDir(), "--verify-volume")
	if !strings.Contains(text, "no NTFS volume") {
		t.Errorf("a folder: %s", text)
	}
}

// TestVerifyVolumeInterrupted: an interrupt ends the check.
func TestVerifyVolumeInterrupted(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client())})
	s, err := openScan(t.Context(), []string{img})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = verifyVolume(ctx, ui.New(nil, io.Discard, io.Discard), s.targets[0].Volumes[0])
	if ui.Explain(err, rules).Status != ui.Interrupted {
		t.Errorf("%v, want an interruption", err)
	}
}

// TestCondition: how a volume was left is said in words by list and by check, all of it
// with --verbose.
func TestCondition(t *testing.T) {
	t.Parallel()
	files := sampleFiles(t, sample.Client())
	hiber := func(magic string) []format.Entry {
		return []format.Entry{{Name: "hiberfil.sys", Data: append([]byte(magic), make([]byte, 8192)...)}}
	}
	tests := map[string]struct {
		spec  volumeSpec
		list  string // in list
		check string // in check --verbose
	}{
		"clean":       {volumeSpec{options: format.Options{Log: format.LogClean}}, "", "journal is clean: Windows dismounted the volume (version 1.1)"},
		"empty":       {volumeSpec{options: format.Options{Log: format.LogEmpty}}, "", "journal is empty"},
		"dirty":       {volumeSpec{options: format.Options{Log: format.LogDirty}}, "journal is to be replayed", "did not dismount the volume (version 1.1)"},
		"version 2":   {volumeSpec{options: format.Options{Log: format.LogV2}}, "journal is in use: Windows crashed", "(version 2.0)"},
		"garbage":     {volumeSpec{options: format.Options{Log: format.LogGarbage}}, "journal is damaged", "journal is damaged"},
		"dirty flag":  {volumeSpec{options: format.Options{VolumeFlags: format.VolumeDirty}}, "marked dirty", "A03"},
		"chkdsk":      {volumeSpec{options: format.Options{VolumeFlags: format.VolumeChkdskUnderway}}, "chkdsk was interrupted", "A14"},
		"hibernated":  {volumeSpec{root: hiber("hibr")}, "is hibernated", "A02"},
		"resuming":    {volumeSpec{root: hiber("RSTR")}, "began to resume", "A02"},
		"awake":       {volumeSpec{root: hiber("wake")}, "", "A15"},
		"mirror":      {volumeSpec{damage: func(b *broken) { b.poke(b.content("$MFTMirr")+3*1024+100, 0x77) }}, "MFT records [3] differ", "MFT records [3] differ"},
		"backup boot": {volumeSpec{damage: func(b *broken) { b.poke(64<<20-512+100, 0x77) }}, "backup boot sector differs", "A16"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.spec.files = files
			img := makeBroken(t, tt.spec)
			out := hangkit(t, 0, "list", img)
			if !strings.Contains(out, tt.list) || tt.list == "" && strings.Contains(out, "journal") {
				t.Errorf("list, %q wanted:\n%s", tt.list, out)
			}
			said := strings.Join(strings.Fields(hangkit(t, 7, "check", img, "--verbose", "--ram", "1G")), " ")
			if !strings.Contains(strings.ToLower(said), strings.ToLower(tt.check)) {
				t.Errorf("check, %q wanted:\n%s", tt.check, said)
			}
			if all := hangkit(t, 0, "list", img, "--verbose"); !strings.Contains(all, "mirror") || !strings.Contains(all, "backup boot sector") {
				t.Errorf("list --verbose:\n%s", all)
			}
		})
	}
}

// TestBitLockerIsSaid: a locked volume is listed as what it is.
func TestBitLockerIsSaid(t *testing.T) {
	t.Parallel()
	img := makeBroken(t, volumeSpec{files: sampleFiles(t, sample.Client()), damage: func(b *broken) { b.poke(3, []byte("-FVE-FS-")...) }})
	if out := hangkit(t, 0, "list", img); !strings.Contains(out, "encrypted with BitLocker") {
		t.Errorf("list: %s", out)
	}
}
