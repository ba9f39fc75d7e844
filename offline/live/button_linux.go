package live

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// What the power button sends, linux/input-event-codes.h.
const (
	eventKey  = 1
	keyPower  = 116
	keyDown   = 1
	eventSize = 24 // struct input_event: a time of 16 bytes, type, code, value
	eventType = 16
	eventCode = 18
	eventVal  = 20
)

// watchButton waits for the power button of an input device that has come. A host that
// asks its guest to go down presses it too.
func (s *session) watchButton(u Uevent) {
	name := u.Env["DEVNAME"]
	if u.Action != "add" || !strings.HasPrefix(name, "input/event") {
		return
	}
	go func() {
		if s.pressed(filepath.Join("/dev", name)) {
			s.powerOff()
		}
	}()
}

func (s *session) pressed(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		s.log(err.Error())
		return false
	}
	defer f.Close()
	event := make([]byte, eventSize)
	for {
		if _, err := io.ReadFull(f, event); err != nil {
			return false // it was pulled out
		}
		if isPowerButton(event) {
			return true
		}
	}
}

func isPowerButton(event []byte) bool {
	ne := binary.NativeEndian
	return ne.Uint16(event[eventType:]) == eventKey && ne.Uint16(event[eventCode:]) == keyPower && ne.Uint32(event[eventVal:]) == keyDown
}
