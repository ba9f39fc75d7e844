package windows

import "testing"

func FuzzDevice(f *testing.F) {
	f.Add(make([]byte, 88))
	f.Fuzz(func(_ *testing.T, p []byte) {
		if d, err := parseDevice(p); err == nil {
			_ = d.String()
		}
	})
}

// Every number has one meaning for each application, and every name one number.
func TestElementTypes(t *testing.T) {
	t.Parallel()
	type key struct {
		what any
		app  application
	}
	seen := map[key]string{}
	for _, i := range elementTypes {
		for _, k := range []key{{i.number, i.app}, {i.name, i.app}} {
			if other, ok := seen[k]; ok {
				t.Errorf("%s and %s share %v", i.name, other, k)
			}
			seen[k] = i.name
		}
		if (i.app != 0) != i.number.isApplication() {
			t.Errorf("%s: number %s, application %d", i.name, i.number, i.app)
		}
		if f := i.number.Format(); i.words != nil && f != FormatInteger || i.hex && f != FormatInteger && f != FormatIntegerList {
			t.Errorf("%s: words for a %s", i.name, f)
		}
	}
	for name := range documentedDefaults {
		if _, ok := typeNamed(name, 0x10200003); !ok {
			t.Errorf("default of an unknown element %s", name)
		}
	}
	for _, name := range CrashElements() {
		if _, ok := typeNamed(name, 0x10200003); !ok {
			t.Errorf("%s is no element of the loader", name)
		}
	}
	for _, w := range wellKnownObjects {
		if !isGUID(w.id) {
			t.Errorf("%s: %s is no ID", w.name, w.id)
		}
	}
}
