package live

import (
	"bytes"
	"strings"
)

// Uevent is what the kernel says of a device: when it comes, changes or goes.
type Uevent struct {
	Action string // add, remove, change, bind, unbind, move, online, offline
	Path   string // below /sys
	Env    map[string]string
}

// ParseUevent reads a message of the kernel's multicast: "ACTION@DEVPATH", then
// KEY=VALUE, each ended by a zero byte (Documentation/ABI, kobject_uevent.c). What udevd
// sends begins otherwise and is not one.
func ParseUevent(b []byte) (Uevent, bool) {
	fields := bytes.Split(b, []byte{0})
	action, path, ok := strings.Cut(string(fields[0]), "@")
	if !ok || action == "" || !strings.HasPrefix(path, "/") {
		return Uevent{}, false
	}
	u := Uevent{Action: action, Path: path, Env: map[string]string{}}
	for _, f := range fields[1:] {
		if key, value, ok := strings.Cut(string(f), "="); ok {
			u.Env[key] = value
		}
	}
	return u, true
}

// modalias finds the MODALIAS in a uevent attribute. Some buses, MMC for one, have it
// there and nowhere else.
func modalias(attribute []byte) string {
	for line := range bytes.Lines(attribute) {
		if value, ok := bytes.CutPrefix(line, []byte("MODALIAS=")); ok {
			return strings.TrimSpace(string(value))
		}
	}
	return ""
}
