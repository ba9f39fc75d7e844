//go:build linux

package boottest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Tampering is what is done to a signed program on the medium.
type Tampering func(program []byte) error

// The offsets of a PE program that tampering needs (PE format, "Optional Header"): the
// certificate table is the fifth data directory, in the 64-bit form of the header.
const (
	peOffset        = 0x3c
	peOptional      = 24
	peCertificates  = 112 + 4*8
	peMagic64       = 0x20b
	linuxMagic      = 0x202 // "HdrS": Linux/x86 boot protocol
	kernelAlignment = 512
)

// Unsign makes the program one that nobody signed: its certificate table is empty.
func Unsign(program []byte) error {
	certificates, err := certificateTable(program)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(certificates) == 0 {
		return errors.New("the program is not signed")
	}
	clear(certificates)
	return nil
}

// Alter makes the program differ from what was signed, by one bit of its code.
func Alter(program []byte) error {
	if _, err := certificateTable(program); err != nil {
		return err
	}
	program[len(program)/2] ^= 1
	return nil
}

// certificateTable is the directory entry that says where the signatures are.
func certificateTable(program []byte) ([]byte, error) {
	errFormat := errors.New("not a 64-bit PE program")
	if len(program) < peOffset+4 || !bytes.HasPrefix(program, []byte("MZ")) {
		return nil, errFormat
	}
	at := int64(binary.LittleEndian.Uint32(program[peOffset:]))
	if at+peOptional+peCertificates+8 > int64(len(program)) || !bytes.HasPrefix(program[at:], []byte("PE\x00\x00")) {
		return nil, errFormat
	}
	optional := program[at+peOptional:]
	if binary.LittleEndian.Uint16(optional) != peMagic64 {
		return nil, errFormat
	}
	return optional[peCertificates : peCertificates+8], nil
}

// Tamper copies the medium and tampers with every copy of the kernel on it.
func (l *Lab) Tamper(name string, how Tampering) (string, error) {
	data, err := os.ReadFile(l.Medium)
	if err != nil {
		return "", err
	}
	kernels := 0
	for at := 0; at+peOffset*kernelAlignment < len(data); at += kernelAlignment {
		if bytes.HasPrefix(data[at:], []byte("MZ")) && bytes.HasPrefix(data[at+linuxMagic:], []byte("HdrS")) {
			size, err := kernelSize(data[at:])
			if err == nil {
				err = how(data[at : at+size])
			}
			if err != nil {
				return "", fmt.Errorf("kernel at %#x of %s: %w", at, l.Medium, err)
			}
			kernels++
		}
	}
	if kernels == 0 {
		return "", fmt.Errorf("no kernel in %s", l.Medium)
	}
	file := filepath.Join(l.Kit.Dir, name)
	return file, os.WriteFile(file, data, 0o600)
}

// kernelSize is where the signature begins: it is the last thing of the file.
func kernelSize(data []byte) (int, error) {
	certificates, err := certificateTable(data)
	if err != nil {
		return 0, err
	}
	size := int(binary.LittleEndian.Uint32(certificates))
	if size == 0 || size > len(data) {
		return 0, errors.New("the kernel is not signed")
	}
	return size, nil
}

// TamperLoader copies the medium and tampers with the program that the firmware starts.
func (l *Lab) TamperLoader(ctx context.Context, name string, how Tampering) (string, error) {
	const loader = "::/EFI/BOOT/BOOTX64.EFI"
	info, err := os.Stat(l.Medium)
	if err != nil {
		return "", err
	}
	file := filepath.Join(l.Kit.Dir, name)
	if err := copyExtent(l.Medium, file, extent{Size: info.Size()}); err != nil {
		return "", err
	}
	esp, err := partition(ctx, file, typeESP)
	if err != nil {
		return "", err
	}
	at := fmt.Sprintf("%s@@%d", file, esp.Start*sectorSize)
	program, err := output(ctx, "mcopy", "-i", at, loader, "-")
	if err != nil {
		return "", err
	}
	if err := how(program); err != nil {
		return "", fmt.Errorf("%s: %w", loader, err)
	}
	own := file + ".efi"
	defer os.Remove(own)
	if err := os.WriteFile(own, program, 0o600); err != nil {
		return "", err
	}
	_, err = output(ctx, "mcopy", "-o", "-i", at, own, loader)
	return file, err
}
