//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"hangkit/image"
)

const (
	// containerLimit is how many times the seconds of qemu-img hangkit may take.
	containerLimit = 1.2

	// Of a disk that is in use for a third, the part in which that repeats.
	usedEvery = 3
	usedPiece = 4 << 20
)

// compareContainers prints how long it takes to read a disk as a whole out of each kind of
// image: of one that is full, and of one that is not.
func (b *bench) compareContainers(ctx context.Context) error {
	full := []kind{vhdxKind, qcow2Kind}
	if installed("qemu-img") {
		full = append(full, packedKind)
	}
	if err := b.readFrom(ctx, full, 1); err != nil {
		return err
	}
	return b.readFrom(ctx, []kind{vhdxKind, qcow2Kind}, usedEvery)
}

// readFrom compares on a disk of which one piece in so many is in use.
func (b *bench) readFrom(ctx context.Context, kinds []kind, every int64) error {
	raw := b.path("whole.img")
	if err := b.makeWhole(raw, every); err != nil {
		return err
	}
	digest, err := digestOf(raw)
	if err != nil {
		return err
	}
	for _, k := range kinds {
		name := b.path("whole." + k.format)
		if err := k.pack(ctx, raw, name); err != nil {
			return err
		}
		title := fmt.Sprintf("%d MiB, 1/%d in use, out of %s", b.size/mib, every, k.name)
		if err := b.readContainer(ctx, title, b.wholeReaders(k, name, digest)); err != nil {
			return err
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return os.Remove(raw)
}

// makeWhole makes a raw image of which one piece in so many is contents.
func (b *bench) makeWhole(name string, every int64) (err error) {
	disk, err := image.Create(name, b.size)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	for off := int64(0); off < b.size; off += every * usedPiece {
		contents := io.NewSectionReader(b.contents, off, min(usedPiece, b.size-off))
		if _, err := io.Copy(io.NewOffsetWriter(disk, off), contents); err != nil {
			return err
		}
	}
	return nil
}

// wholeReaders are in pairs, ours before the peer's: to nowhere, and to a raw file without zeros.
func (b *bench) wholeReaders(k kind, name string, digest []byte) []contender {
	out, nothing := b.path("out.img"), fmt.Sprintf("driver=null-co,size=%d", b.size)
	qemu, convert := []string{"qemu-img"}, []string{"qemu-img", "convert", "-f", k.format}
	return ready([]contender{
		{name: "hangkit, to nowhere", args: []string{b.self, readVerb, name}},
		{name: "qemu-img convert, to nowhere", needs: qemu, args: slices.Concat(convert, []string{"-n", "--target-image-opts", name, nothing}), peer: true},
		{name: "hangkit, to a raw file", args: []string{b.self, readVerb, name, out}, out: out, digest: digest},
		{name: "qemu-img convert, to a raw file", needs: qemu, args: slices.Concat(convert, []string{"-O", "raw", name, out}), out: out, digest: digest, peer: true},
	})
}

func (b *bench) readContainer(ctx context.Context, title string, list []contender) error {
	result, err := byTurns(ctx, list, b.runs)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "%s\tseconds\tof processors\ttimes qemu-img\t\n", title)
	for i, f := range result {
		times, note := "", list[i].note(f)
		if i+1 < len(list) && list[i+1].peer && result[i+1].flaw == "" {
			times, note = fmt.Sprintf("%.2f", f.wall/result[i+1].wall), fmt.Sprintf("at most %.1f", containerLimit)
		}
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%s\t%s\n", list[i].name, f.wall, f.cpu, times, note)
	}
	fmt.Fprintln(w)
	return w.Flush()
}
