package bitlocker_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hangkit/image"
	"hangkit/image/bitlocker"
)

var update = flag.Bool("update", false, "write the golden files")

// sampleVolume is a volume that Windows made, with every secret that opens it. The digests of
// whole decrypted volumes were made by cryptsetup, of dissect.fve's ones by dislocker.
type sampleVolume struct {
	name    string
	secrets []string
	keyFile string
	digest  string
}

var sampleVolumes = []sampleVolume{
	{name: "bitlk-aes-cbc-128-4k.img.gz", secrets: []string{"anaconda", "482548-408683-386023-032725-083754-344718-228228-361845"}, digest: "2bf0ee1198cfcc95654636c045f72a91727f7d5b1208db88eafb77ac65b60109"},
	{name: "bitlk-aes-cbc-128.img.gz", secrets: []string{"anaconda", "042647-302313-590458-071500-554323-116567-412181-516978"}, digest: "04500a8120ba355ed206284e03e26e59b7e1f1832868e1d69bb47023ebd3460f"},
	{name: "bitlk-aes-cbc-256.img.gz", secrets: []string{"anaconda", "616319-601744-502117-534017-367994-176748-607299-663201"}, digest: "35809d6db53c7ad8ff36195277b328370ea5df2c1f7003c20e07b64133d8800b"},
	{name: "bitlk-aes-cbc-elephant-128.img.gz", secrets: []string{"anaconda", "529573-278784-259347-197835-171457-264044-610280-313269"}, digest: "b18e4f956295bc0f327e551322261fb9c74ac0d3ce58bf3b806e98474e1619ea"},
	{name: "bitlk-aes-cbc-elephant-256.img.gz", secrets: []string{"anaconda", "618871-562507-462814-555324-264660-562727-105171-668195"}, digest: "0af06f010fe21522bdd77f8d2d3cb0ad5fceaf2729295ff0fd50e65adfa0b7b3"},
	{name: "bitlk-aes-xts-128-4k.img.gz", secrets: []string{"anaconda", "486552-140030-675719-163900-264671-413787-580239-152614"}, digest: "b4c0416ae643537207413ed78d4bcadae697bb86a6262864ac00afda01312277"},
	{name: "bitlk-aes-xts-128-clearkey-only.img.gz", digest: "f574a5254d31e9f27dc4ee440290875886c6c569cf02dc100e91a5c0cddaa4e1"},
	{name: "bitlk-aes-xts-128-crc.img.gz", secrets: []string{"anaconda", "235818-357951-253979-013365-241120-245575-342914-591910"}, digest: "674e3a976927fd62f3fc26df2c695cac75b8d364e3b45393717efa971f16db0f"},
	{name: "bitlk-aes-xts-128-eow.img.gz", secrets: []string{"anaconda", "685839-373538-494868-036223-326590-515064-328416-685102"}},
	{name: "bitlk-aes-xts-128-new-entry.img.gz", secrets: []string{"anaconda", "199067-214280-266398-508123-023584-402875-562793-012067"}, digest: "794163062398ae43b796f85eafde8acf5dc7830a93ec2aa7ef0c6baaa14b2757"},
	{name: "bitlk-aes-xts-128-smart-card.img.gz", secrets: []string{"538329-080597-399190-348700-323345-161062-279807-230978"}, digest: "007de1a342f49a15f97712f634aa1684e1d8c24e220652fc9796b22421413268"},
	{name: "bitlk-aes-xts-128-startup-key-win11.img.gz", secrets: []string{"512897-060621-709148-071203-357951-357302-160831-066297"}, keyFile: "AA80A52B-9B66-47AE-B097-33F536FFBB07.BEK", digest: "76539fdf098cb3b9d15e318d34eace9da8645b8087282adac800094c59df6347"},
	{name: "bitlk-aes-xts-128-startup-key.img.gz", secrets: []string{"363770-230505-096371-652674-567006-579150-291038-408111"}, keyFile: "4381F759-C4F8-4DE0-BB61-FC33A831BDA5.BEK", digest: "bbb68369d8f7badb2c2330349d9d0cf12e68f54eece25e718d2bb13feba23f7a"},
	{name: "bitlk-aes-xts-128-two-recovery.img.gz", secrets: []string{"anaconda", "478401-067859-043868-000935-121330-337425-718509-484979", "297693-343387-338492-284526-405482-424886-634931-555093"}, digest: "15570b2a7a1255e2d0f34a0ff82b6e255d8a7e25c24c7849c91321bcb1858cb3"},
	{name: "bitlk-aes-xts-128-unicode.img.gz", secrets: []string{"anaconda£", "671979-070675-187088-665060-078518-143605-111408-569305"}, digest: "8af59ba83928e7920d61696bb3d5392243a1d5c5f4178195cb32b0f21e706af0"},
	{name: "bitlk-aes-xts-128.img.gz", secrets: []string{"anaconda", "235818-357951-253979-013365-241120-245575-342914-591910"}, digest: "674e3a976927fd62f3fc26df2c695cac75b8d364e3b45393717efa971f16db0f"},
	{name: "bitlk-aes-xts-256.img.gz", secrets: []string{"anaconda", "404558-436711-420860-678557-638220-018909-039941-695321"}, digest: "5bb6ff5acbded10be990c6fa208ab479934a08bc2e88740a1aa2642af2f42025"},
	{name: "bitlk-partially-encrypted-aes-cbc-128.img.gz", secrets: []string{"anaconda", "528561-251702-140283-271590-717365-674234-182611-409563"}},
	{name: "bitlk-togo-aes-cbc-128.img.gz", secrets: []string{"anaconda", "607552-529496-550902-707531-545787-248358-370216-060401"}, digest: "3fb19a2b9cf89962216cc7b27f7127ea7f241c39b7b340d7431a232f81c36eb1"},
	{name: "bitlk-togo-aes-xts-128.img.gz", secrets: []string{"anaconda", "243067-548680-059818-148852-287771-550088-628265-631653"}, digest: "5954795eb41764b59a10d86c26fd3b43fb6d89f433c8edc1e8fd48067d198591"},
	{name: "dissect-aes-xts_128.bin.gz", secrets: []string{"password12!@"}, digest: "2765001e256eb8ca9a38db007225706d9ec3228ba56bdace3642fd5280f2543d"},
	{name: "dissect-aes-xts_256.bin.gz", secrets: []string{"password12!@"}, digest: "b8c012482b9e8219db651d2414a7685fca9a7fff94e45575145883f19be6e4ff"},
	{name: "dissect-aes_128.bin.gz", secrets: []string{"password12!@"}, digest: "d90b6e46f837d9b2f25c7ebca4cf42d6c17dbd08fc7f2ef1a8aed7d149becf75"},
	{name: "dissect-aes_256.bin.gz", secrets: []string{"password12!@"}, digest: "c0b7b3e40e55b02e84432a93c95256a2a19438848fe65c66627b0c32056aff5a"},
	{name: "dissect-aes_128_diffuser.bin.gz", secrets: []string{"password12!@"}, digest: "c6da77807a5bf228cff85665d70dbc94c2d69e45f001bc8144b201808cd0c8d5"},
	{name: "dissect-aes_256_diffuser.bin.gz", secrets: []string{"password12!@"}, digest: "bb5817a7f1a81b6840bbb8906d6ff833d0137f38cd95f99ea76ce7e49b5a5642"},
	{name: "dissect-recovery_password.bin.gz", secrets: []string{"284867-596541-514998-422114-660297-261613-215424-199408"}, digest: "f97cc63acafc01b818a72240219fe8212ed249995c017c3d97334dde0fc59c65"},
	{name: "dissect-recovery_key.bin.gz", keyFile: "dissect-recovery_key.bek", digest: "0db7f24a13553f4c6dc8afcdd98d7c0fa39b97f624aa3c4fbbbce6b84f4fac60"},
	{name: "dissect-startup_key.bin.gz", keyFile: "dissect-startup_key.bek", digest: "2b03452675750d10795cdb2048ee9a501f6475347e4bceb0cb2960b88453af48"},
	{name: "dissect-suspended.bin.gz", digest: "d421f4a2ec130af8b7b8abcdeade66dac0d4d552dead0994aafd8c6e3e74fe79"},
	{name: "dissect-win7_partial.bin.gz", secrets: []string{"131450-120197-153989-250338-511368-495572-680944-381546"}},
	{name: "dissect-eow_partial.bin.gz", secrets: []string{"password12!@"}},
	{name: "dissect-decrypted.bin.gz"},
	{name: "dissect-vista.bin.gz", secrets: []string{"517506-503998-044583-576191-587004-635965-501270-087802"}},
	{name: "full-xts256-system-hive.img.gz", secrets: []string{"anaconda", "404558-436711-420860-678557-638220-018909-039941-695321"}, digest: "be385524e5abd25649812effe74e6d570c190143d191a4b2b9085082b8f6dde8"},
}

// TestOracleSamples opens every sample with every secret and compares what it holds with what
// other programs found. One golden table shows what a user would be told.
func TestOracleSamples(t *testing.T) {
	t.Parallel()
	if !requireOracles() {
		t.Skip("unpacks 5 GB")
	}
	var table strings.Builder
	for _, s := range sampleVolumes {
		t.Logf("%s", s.name)
		fmt.Fprintf(&table, "%s\n", s.name)
		describeSample(t, &table, s)
	}
	golden(t, "samples.golden", table.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func describeSample(t *testing.T, w io.Writer, s sampleVolume) {
	t.Helper()
	d := unpack(t, s.name)
	locked, err := bitlocker.Open(d)
	if err != nil {
		fmt.Fprintf(w, "  refused: %v\n", err)
		if s.digest != "" {
			t.Errorf("%s: %v", s.name, err)
		}
		return
	}
	fmt.Fprintf(w, "  %s, %q: %v, %v, suspended %v, damaged copies %d\n", locked.ID(), locked.Description(),
		locked.Method(), locked.State(), locked.Suspended(), len(locked.Damage))
	for _, p := range locked.Protectors() {
		fmt.Fprintf(w, "  %v\n", p)
	}
	describeWrong(t, w, locked)
	var last *bitlocker.Volume
	for what, secret := range s.keys(t) {
		v, err := locked.Unlock(t.Context(), secret...)
		if err != nil {
			fmt.Fprintf(w, "  with %s: %v\n", what, err)
			if s.digest != "" {
				t.Errorf("%s with %s: %v", s.name, what, err)
			}
			continue
		}
		sameStart(t, s.name, last, v)
		last = v
	}
	if last != nil {
		describeContents(t, w, s, d, last)
	}
}

// keys are all that open the volume, by name; nothing at all where a clear key does.
func (s *sampleVolume) keys(t *testing.T) map[string][]*bitlocker.Secret {
	t.Helper()
	keys := map[string][]*bitlocker.Secret{}
	for i, text := range s.secrets {
		secret, err := bitlocker.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.secrets) > 1 && s.digest == "" && i > 0 {
			continue // said once
		}
		keys[fmt.Sprintf("%s %d", secret.Kind(), i)] = []*bitlocker.Secret{secret}
	}
	if s.keyFile != "" {
		secrets, err := bitlocker.ParseKeyFile(readSample(t, s.keyFile))
		if err != nil {
			t.Fatal(err)
		}
		keys["key file"] = secrets
	}
	if len(keys) == 0 {
		keys["nothing"] = nil
	}
	return keys
}

// describeWrong shows what is said to who has another key.
func describeWrong(t *testing.T, w io.Writer, locked *bitlocker.Locked) {
	t.Helper()
	if locked.Suspended() || locked.State() == bitlocker.Decrypted {
		return
	}
	_, err := locked.Unlock(t.Context())
	hinted, ok := errors.AsType[*bitlocker.LockedError](err)
	if !ok {
		return // refused whatever the key
	}
	if !errors.Is(err, bitlocker.ErrLocked) {
		t.Errorf("without a key: %v", err)
	}
	fmt.Fprintf(w, "  hint: %s\n", hinted.LookFor())
}

// sameStart compares what two secrets opened: the boot sectors and a stretch behind them.
func sameStart(t *testing.T, name string, a, b *bitlocker.Volume) {
	t.Helper()
	if a == nil {
		return
	}
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for _, r := range []struct {
		v *bitlocker.Volume
		p []byte
	}{{a, x}, {b, y}} {
		if _, err := r.v.ReadAt(r.p, 0); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(x, y) {
		t.Errorf("%s: two secrets open different volumes", name)
	}
}

// hugeSample is a size from which only the places of interest are read.
const hugeSample = 1 << 30

func describeContents(t *testing.T, w io.Writer, s sampleVolume, d image.Disk, v *bitlocker.Volume) {
	t.Helper()
	if err := v.Writable(); err != nil {
		fmt.Fprintf(w, "  not written: %v\n", err)
		if n, err := v.WriteAt(make([]byte, 512), 1<<20); n != 0 || !errors.Is(err, bitlocker.ErrConverting) {
			t.Errorf("%s: wrote %d, %v", s.name, n, err)
		}
	}
	var r io.Reader = io.NewSectionReader(v, 0, v.Size())
	if v.Size() > hugeSample {
		r = io.NewSectionReader(v, 0, 64<<20)
	}
	sum := sha256.New()
	if _, err := io.CopyBuffer(sum, struct{ io.Reader }{r}, make([]byte, 4<<20)); err != nil {
		t.Errorf("%s: %v", s.name, err)
	}
	digest := fmt.Sprintf("%x", sum.Sum(nil))
	if s.digest != "" && digest != s.digest {
		t.Errorf("%s: digest %s, want %s", s.name, digest, s.digest)
	}
	fmt.Fprintf(w, "  %s, %d bytes\n", digest, v.Size())
	if v.Size() != d.Size() {
		t.Errorf("%s: %d bytes of %d", s.name, v.Size(), d.Size())
	}
}
