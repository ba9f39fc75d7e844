package target

import (
	"bytes"
	"testing"
)

func TestMedium(t *testing.T) {
	t.Parallel()
	disk := func(magic, id string) []byte {
		b := make([]byte, isoDescriptor+2048)
		copy(b[isoDescriptor:], magic)
		copy(b[isoDescriptor+isoVolumeID:], id+"                                ")
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"the medium":       {disk(isoMagic, "HANGKIT"), true},
		"another CD":       {disk(isoMagic, "HANGKIT2"), false},
		"no CD":            {disk("\x02CD001", "HANGKIT"), false},
		"a disk too small": {disk(isoMagic, "HANGKIT")[:isoDescriptor+isoVolumeEnd-1], false},
		"zeros":            {make([]byte, 1<<20), false},
	} {
		if got := isMedium(bytes.NewReader(c.b)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
