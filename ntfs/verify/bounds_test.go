package verify_test

import (
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"

	"hangkit/ntfs/format"
	"hangkit/ntfs/verify"
)

// crowd is a volume whose directories and files can be made to claim the same.
func crowd(t *testing.T) *patient {
	t.Helper()
	root := []format.Entry{{Name: "many", Dir: numbered("file", 20_000)}}
	for i := range 300 {
		root = append(root,
			format.Entry{Name: fmt.Sprintf("directory %d", i), Dir: []format.Entry{}},
			format.Entry{Name: fmt.Sprintf("claims %d", i), Data: noise(5000)})
	}
	return newPatient(t, build(t, 64<<20, format.Options{Root: root}))
}

// exaggerations are claims that must cost neither time nor memory.
var exaggerations = []struct {
	name       string
	incomplete bool
	want       verify.Kind
	do         func(p *patient)
}{
	{"directories that share one large index", true, verify.CrossLink, func(p *patient) {
		many := p.unsealed(p.recordAt("many"), p.record)
		for i := range 300 {
			name := fmt.Sprintf("directory %d", i)
			p.recordOf(name, func(b []byte) {
				copy(b[0x38:], many[0x38:])
				copy(b[0x18:0x1c], many[0x18:])
				copy(b[0x28:0x2a], many[0x28:])
			})
		}
	}},
	{"files that each claim the whole volume", false, verify.CrossLink, func(p *patient) {
		for i := range 300 {
			p.attribute(fmt.Sprintf("claims %d", i), 0x80, func(a []byte) {
				clusters := p.size/p.cluster - 1
				copy(mapping(a), []byte{0x12, byte(clusters), byte(clusters >> 8), 0, 0})
			})
		}
	}},
	{"an index of 2^52 bytes in a hole", false, verify.Index, func(p *patient) {
		p.attribute("many", 0xa0, func(a []byte) {
			copy(mapping(a), []byte{0x06, 0, 0, 0, 0, 0, 1, 0})
			for _, at := range []int{0x28, 0x30, 0x38} {
				le.PutUint64(a[at:], 1<<52)
			}
		})
	}},
	{"all sizes 2^63-1", false, verify.Sizes, func(p *patient) {
		for _, name := range []string{"$MFTMirr", "$LogFile", "$AttrDef", "$Bitmap", "$Boot", "$UpCase", "claims 0", "claims 1"} {
			p.attribute(name, 0x80, func(a []byte) {
				for _, at := range []int{0x28, 0x30, 0x38} {
					le.PutUint64(a[at:], math.MaxInt64)
				}
			})
		}
	}},
	{"runs of 2^38 clusters", false, verify.OutsideRun, func(p *patient) {
		for i := range 300 {
			p.attribute(fmt.Sprintf("claims %d", i), 0x80, func(a []byte) {
				copy(mapping(a), []byte{0x15, 0, 0, 0, 0, 0x40, 1, 0})
			})
		}
	}},
}

// TestBounds proves that claims cost nothing: no memory beyond what the volume
// deserves, and no time.
func TestBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	healthy := crowd(t)
	spotless(t, check(t, healthy))
	for _, e := range exaggerations {
		t.Run(e.name, func(t *testing.T) {
			p := healthy.clone()
			e.do(p)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			r := check(t, p)
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			if r.Counts[e.want] == 0 || r.Clean() || (r.Incomplete != "") != e.incomplete {
				t.Errorf("found %v, incomplete %q", r.Counts, r.Incomplete)
			}
			peak := int64(after.Sys-before.Sys) >> 20
			t.Logf("%v, %d MiB more from the system", took, peak)
			if took > 20*time.Second || peak > 128 {
				t.Errorf("took %v and %d MiB", took, peak)
			}
		})
	}
}
