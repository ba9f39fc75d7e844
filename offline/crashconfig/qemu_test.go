package crashconfig_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hangkit/offline/crashconfig"
)

// echoKeys is a boot sector that says 'R' and then copies every byte of the keyboard controller to QEMU's debug console,
// port 0xE9: cli; in al, 64h; test al, 1; jz; in al, 60h; out E9h, al; jmp.
var echoKeys = []byte{0xFA, 0xB0, 'R', 0xE6, 0xE9, 0xE4, 0x64, 0xA8, 0x01, 0x74, 0xFA, 0xE4, 0x60, 0xE6, 0xE9, 0xEB, 0xF4}

// machineOfKeys is a virtual machine that runs echoKeys.
type machineOfKeys struct {
	console string // file of the debug console
	qmp     *json.Decoder
	conn    net.Conn
}

func startQEMU(t *testing.T) *machineOfKeys {
	t.Helper()
	dir := t.TempDir()
	sector := make([]byte, 512)
	copy(sector, echoKeys)
	copy(sector[510:], "\x55\xAA")
	disk := filepath.Join(dir, "disk")
	if err := os.WriteFile(disk, sector, 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machineOfKeys{console: filepath.Join(dir, "console")}
	socket := filepath.Join(dir, "qmp")
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program(t, "qemu-system-x86_64"), "-nodefaults", "-machine", "pc,accel=tcg", "-m", "16", "-display", "none",
		"-drive", "format=raw,file="+disk, "-debugcon", "file:"+m.console, "-qmp", "unix:"+socket+",server=on,wait=off")
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	m.conn = dial(t, socket, &said)
	m.qmp = json.NewDecoder(bufio.NewReader(m.conn))
	m.answer(t)
	m.send(t, `{"execute":"qmp_capabilities"}`)
	m.await(t, "R")
	return m
}

// qemuPatience is how long QEMU may take for a step, without a processor of its own.
const qemuPatience = 4 * time.Minute

func dial(t *testing.T, socket string, said fmt.Stringer) net.Conn {
	t.Helper()
	for end := time.Now().Add(qemuPatience); ; time.Sleep(20 * time.Millisecond) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
			return conn
		}
		if time.Now().After(end) {
			t.Fatalf("%v; QEMU said %s", err, said)
		}
	}
}

// answer reads the next answer, over events.
func (m *machineOfKeys) answer(t *testing.T) {
	t.Helper()
	for {
		var reply map[string]any
		if err := m.qmp.Decode(&reply); err != nil {
			t.Fatal(err)
		}
		if reply["error"] != nil {
			t.Fatalf("QEMU refuses: %v", reply["error"])
		}
		if reply["event"] == nil {
			return
		}
	}
}

func (m *machineOfKeys) send(t *testing.T, command string) {
	t.Helper()
	if _, err := m.conn.Write([]byte(command + "\n")); err != nil {
		t.Fatal(err)
	}
	m.answer(t)
}

// idle waits until the console has not grown for a while: the keyboard's queue is
// empty. A machine without a processor for a moment must not look like that.
func (m *machineOfKeys) idle(t *testing.T) {
	t.Helper()
	const looks = 4
	size := int64(-1)
	for same := 0; same < looks; time.Sleep(20 * time.Millisecond) {
		info, err := os.Stat(m.console)
		if err != nil {
			t.Fatal(err)
		}
		if same++; info.Size() != size {
			size, same = info.Size(), 0
		}
	}
}

// await waits until the console holds exactly this.
func (m *machineOfKeys) await(t *testing.T, want string) {
	t.Helper()
	for end := time.Now().Add(qemuPatience); ; time.Sleep(10 * time.Millisecond) {
		got, err := os.ReadFile(m.console)
		if err == nil && string(got) == want {
			return
		}
		if len(got) > len(want) || time.Now().After(end) {
			t.Fatalf("the keyboard sent % x, want % x", got, want)
		}
	}
}

// TestOracleQEMU: QEMU takes our QMP commands, and what its keyboard then sends is what we say a keyboard sends: for every
// usable key, and for every set of keys to hold.
func TestOracleQEMU(t *testing.T) {
	t.Parallel()
	m := startQEMU(t)
	seen := "R"
	for _, c := range combinationsToTry() {
		for _, command := range c.QMP() {
			m.send(t, command)
			m.idle(t)
		}
		seen += string(c.ScanCodes())
		m.await(t, seen)
	}
	m.send(t, `{"execute":"inject-nmi"}`)
	m.send(t, `{"execute":"human-monitor-command","arguments":{"command-line":"nmi"}}`)
}

// combinationsToTry are all keys with one modifier and all modifiers with one key; a few of them where oracles are not
// required, as QEMU without hardware support is slow.
func combinationsToTry() []crashconfig.Combination {
	const scrollLock, printScreen = 125, 124
	few := []crashconfig.Combination{crashconfig.DefaultCombination, {Hold: crashconfig.LeftShift, Press: printScreen},
		{Hold: 0x77, Press: 76}} // everything, and Delete
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
		return few
	}
	for k := range crashconfig.Key(134) {
		few = append(few, crashconfig.Combination{Hold: crashconfig.RightCtrl, Press: k})
	}
	for hold := range crashconfig.Modifiers(0x80) {
		few = append(few, crashconfig.Combination{Hold: hold, Press: scrollLock}, crashconfig.Combination{Hold: hold, Press: printScreen})
	}
	return slices.DeleteFunc(few, func(c crashconfig.Combination) bool { return !c.Usable() || len(c.QMP()) == 0 })
}
