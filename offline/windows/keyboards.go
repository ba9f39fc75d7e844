package windows

import "slices"

// The keyboard drivers that can crash Windows on a key combination.
const (
	PS2Keyboard    = "i8042prt"
	HIDKeyboard    = "kbdhid"
	HyperVKeyboard = "hyperkbd"
)

// KeyboardNames lists those drivers' services, with the kind of keyboard in words.
var KeyboardNames = []struct{ Service, Kind string }{
	{PS2Keyboard, "PS/2 and built-in keyboards"},
	{HIDKeyboard, "USB and Bluetooth keyboards"},
	{HyperVKeyboard, "Hyper-V virtual keyboard"},
}

// KeyboardDriver is a keyboard driver's service key and what it holds about crashing.
type KeyboardDriver struct {
	Service    string
	Kind       string
	Installed  bool       // the service key exists
	Start      Fact[int]  // 0 boot … 3 demand, 4 disabled
	Parameters Values     // CrashOnCtrlScroll
	Dump       Values     // the sub-key crashdump of the service: Dump1Keys, Dump2Key
	Misplaced  Values     // Parameters\crashdump, where Windows does not look
	InUse      Fact[bool] // a keyboard of this driver was once connected
}

// Disabled reports a service that Windows never loads.
func (k KeyboardDriver) Disabled() bool { return k.Start.Known && k.Start.Value == ServiceDisabled }

// ServiceDisabled is the Start of a service that is never loaded.
const ServiceDisabled = 4

func readKeyboards(r *reader, c ControlSet, seen []string) []KeyboardDriver {
	var out []KeyboardDriver
	for _, n := range KeyboardNames {
		key := c.Key(`Services\` + n.Service)
		service := r.values(key)
		k := KeyboardDriver{
			Service: n.Service, Kind: n.Kind, Installed: service.Present,
			Parameters: r.values(key + `\Parameters`),
			Dump:       r.values(key + `\crashdump`),
			Misplaced:  r.values(key + `\Parameters\crashdump`),
		}
		if start, ok := service.DWORD("Start"); ok {
			k.Start = sure(int(start), key)
		}
		if len(seen) > 0 {
			k.InUse = guessed(slices.Contains(seen, n.Service), "SYSTEM, Enum: keyboards seen so far")
		}
		out = append(out, k)
	}
	return out
}

// Keyboard returns one of the drivers.
func (f *Facts) Keyboard(service string) KeyboardDriver {
	for _, k := range f.Keyboards {
		if k.Service == service {
			return k
		}
	}
	return KeyboardDriver{Service: service}
}
