//go:build linux

package boottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Machine is a running QEMU.
type Machine struct {
	Console *Console
	QMP     *QMP

	dir   string
	cmd   *exec.Cmd
	said  bytes.Buffer // by QEMU itself
	ended chan struct{}
	err   error // of QEMU, once it ended
}

// connectPatience is how long QEMU may take to open its sockets.
const connectPatience = 30 * time.Second

// Start switches the machine on. It must be closed.
func (s *Setup) Start(ctx context.Context) (*Machine, error) {
	dir, err := os.MkdirTemp("", "boottest") // socket names have no more than 108 bytes, which t.TempDir may exceed
	if err != nil {
		return nil, fmt.Errorf("starting QEMU: %w", err)
	}
	m := &Machine{dir: dir, ended: make(chan struct{})}
	if err := m.start(ctx, s); err != nil {
		err = fmt.Errorf("starting QEMU: %w; it said: %s", err, &m.said)
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Machine) start(ctx context.Context, s *Setup) error {
	args, err := s.arguments(m.dir)
	if err != nil {
		return err
	}
	console, err := listen(m.dir, "console")
	if err != nil {
		return err
	}
	defer console.Close()
	control, err := listen(m.dir, "qmp")
	if err != nil {
		return err
	}
	defer control.Close()
	args = append(args,
		"-chardev", "socket,id=console,path="+console.Addr().String(),
		"-chardev", "socket,id=qmp,path="+control.Addr().String(), "-mon", "chardev=qmp,mode=control")
	if err := m.run(ctx, s.program(), args); err != nil {
		return err
	}
	line, err := m.accept(console)
	if err != nil {
		return err
	}
	m.Console = NewConsole(line, s.Verbose)
	monitor, err := m.accept(control)
	if err != nil {
		return err
	}
	m.QMP, err = NewQMP(monitor)
	return err
}

func (s *Setup) program() string {
	if s.ARM64 {
		return "qemu-system-aarch64"
	}
	return "qemu-system-x86_64"
}

func listen(dir, name string) (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name)})
	if err != nil {
		return nil, fmt.Errorf("socket for QEMU: %w", err)
	}
	return l, nil
}

// run starts QEMU, which dies with us and with the context.
func (m *Machine) run(ctx context.Context, program string, args []string) error {
	m.cmd = exec.CommandContext(ctx, program, args...)
	m.cmd.Stdout, m.cmd.Stderr = &m.said, &m.said
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		return err
	}
	go func() {
		m.err = m.cmd.Wait()
		close(m.ended)
	}()
	return nil
}

// accept takes QEMU's connection, unless QEMU ends first.
func (m *Machine) accept(l *net.UnixListener) (net.Conn, error) {
	end := time.Now().Add(connectPatience)
	for {
		if err := l.SetDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			return nil, err
		}
		conn, err := l.Accept()
		if err == nil {
			return conn, nil
		}
		select {
		case <-m.ended:
			return nil, fmt.Errorf("QEMU ended: %w", errors.Join(m.err, errEnded))
		default:
		}
		if time.Now().After(end) {
			return nil, err
		}
	}
}

var errEnded = errors.New("the machine is off")

// PoweredOff waits until the guest has switched the machine off.
func (m *Machine) PoweredOff(ctx context.Context, within time.Duration) error {
	select {
	case <-m.ended:
	case <-ctx.Done():
		return fmt.Errorf("waiting for power off: %w", ctx.Err())
	case <-time.After(within):
		return fmt.Errorf("the machine is still on after %v; the end of its console:\n%s", within, m.Console.Tail())
	}
	if m.err != nil {
		return fmt.Errorf("QEMU: %w: %s", m.err, &m.said)
	}
	return nil
}

// Kill ends QEMU without a word, as a power cut does.
func (m *Machine) Kill() {
	if m.cmd == nil || m.cmd.Process == nil {
		return
	}
	_ = m.cmd.Process.Kill() // it may have ended by itself
	<-m.ended
}

// ProcessorTime is what QEMU used, once it ended: the figure that other load does not change much.
func (m *Machine) ProcessorTime() time.Duration {
	return m.cmd.ProcessState.UserTime() + m.cmd.ProcessState.SystemTime()
}

// Close switches the machine off if it is still on, and cleans up.
func (m *Machine) Close() error {
	m.Kill()
	if m.QMP != nil {
		_ = m.QMP.conn.Close() // nobody is at its other end
	}
	if err := os.RemoveAll(m.dir); err != nil {
		return fmt.Errorf("cleaning up after QEMU: %w", err)
	}
	return nil
}
