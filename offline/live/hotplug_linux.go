package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// hotplug hears of devices from the kernel and loads their drivers.
type hotplug struct {
	loader *loader
	wanted chan string // aliases
	block  func(Uevent)
	input  func(Uevent)
	log    func(string)
}

const (
	kernelGroup   = 1        // of netlink's uevents: those of the kernel, not of udevd
	receiveBuffer = 4 << 20  // a hub of disks says much at once
	maxUevent     = 64 << 10 // the kernel's own bound is 2 KiB of variables
	loadWorkers   = 4        // a driver that waits for its hardware holds up no other
	aliasQueue    = 4096
)

// start listens first and looks at what is there then, so that nothing falls between.
func (h *hotplug) start() error {
	fd, err := listenUevents()
	if err != nil {
		return err
	}
	h.wanted = make(chan string, aliasQueue)
	for range loadWorkers {
		go h.loadWanted()
	}
	go h.listen(fd)
	go h.coldplug()
	return nil
}

func listenUevents() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return -1, fmt.Errorf("uevents: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) // the default works too
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		return -1, errors.Join(fmt.Errorf("uevents: %w", err), unix.Close(fd))
	}
	return fd, nil
}

func (h *hotplug) listen(fd int) {
	buf := make([]byte, maxUevent)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case errors.Is(err, unix.ENOBUFS): // some were lost: what they told of is in /sys
			go h.coldplug()
		case errors.Is(err, unix.EINTR):
		case err != nil:
			h.log("uevents: " + err.Error())
			return
		case isKernel(from):
			if u, ok := ParseUevent(buf[:n]); ok {
				h.take(u)
			}
		}
	}
}

// isKernel tells the kernel's messages from those of a process.
func isKernel(from unix.Sockaddr) bool {
	a, ok := from.(*unix.SockaddrNetlink)
	return ok && a.Pid == 0
}

func (h *hotplug) take(u Uevent) {
	if alias := u.Env["MODALIAS"]; alias != "" && u.Action != "remove" {
		h.wanted <- alias
	}
	switch u.Env["SUBSYSTEM"] {
	case "block":
		h.block(u)
	case "input":
		h.input(u)
	}
}

func (h *hotplug) loadWanted() {
	for alias := range h.wanted {
		h.load(alias)
	}
}

func (h *hotplug) load(alias string) {
	if err := h.loader.load(alias); err != nil {
		h.log(err.Error())
	}
}

// coldplug asks for the drivers of what was there before us.
func (h *hotplug) coldplug() {
	err := filepath.WalkDir("/sys/devices", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "uevent" {
			return nil //nolint:nilerr // devices go while they are looked at
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if alias := modalias(b); alias != "" {
			h.wanted <- alias
		}
		return nil
	})
	if err != nil {
		h.log("looking for devices: " + err.Error())
	}
	h.blockDevices()
}

// blockDevices tells of the block devices that are there.
func (h *hotplug) blockDevices() {
	entries, err := os.ReadDir(classBlock)
	if err != nil {
		h.log("looking for disks: " + err.Error())
	}
	for _, e := range entries {
		h.block(Uevent{Action: "add", Env: map[string]string{"SUBSYSTEM": "block", "DEVNAME": e.Name()}})
	}
}
