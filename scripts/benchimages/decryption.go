//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/ntfs/format"
)

const (
	// A locked volume is as large as this part of the other disks. What opening takes is
	// measured on the small one.
	volumeShare = 4
	smallVolume = 16 << 20
	// contentsShare is how much of a volume a file takes, in eighths.
	contentsShare = 6

	// What one processor should decrypt in a second, and how many times what dislocker does.
	xtsTarget  = 700
	peerTarget = 3
)

// compareDecryption prints what a second of a processor decrypts.
func (b *bench) compareDecryption(ctx context.Context) error {
	fmt.Fprintf(os.Stdout, "BitLocker: MB that a second of a processor decrypts, of %d MiB\n\n", b.size/volumeShare/mib)
	for _, m := range []bitlocker.Method{bitlocker.XTS128, bitlocker.XTS256, bitlocker.CBC256, bitlocker.CBC128Elephant} {
		if err := b.decrypt(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// lockedVolume is an image that is a BitLocker volume and nothing else.
type lockedVolume struct {
	image  string
	size   int64
	digest []byte // of what it decrypts to
}

func (b *bench) makeLocked(ctx context.Context, name string, size int64, m bitlocker.Method) (v lockedVolume, err error) {
	v = lockedVolume{image: b.path(name), size: size}
	disk, err := image.Create(v.image, size)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	layout, err := format.Build(disk, format.Options{Seed: 1, Root: []format.Entry{
		metadataFolder(), {Name: "contents", Content: b.contents, Size: size * contentsShare / 8},
	}})
	if err != nil {
		return v, err
	}
	if v.digest, err = digestOf(v.image); err != nil {
		return v, err
	}
	return v, lock(ctx, disk, layout, m, nil)
}

// decrypt compares on volumes of one method. What is measured on the small one is the start,
// the stretching of the key, and very little else; the difference is decryption.
func (b *bench) decrypt(ctx context.Context, m bitlocker.Method) error {
	small, err := b.makeLocked(ctx, "small.img", smallVolume, m)
	if err != nil {
		return err
	}
	large, err := b.makeLocked(ctx, "large.img", b.size/volumeShare, m)
	if err != nil {
		return err
	}
	ofSmall, ofLarge := b.decrypters(small), b.decrypters(large)
	result, err := byTurns(ctx, append(ofSmall, ofLarge...), b.runs)
	if err != nil {
		return err
	}
	if err := printSpeeds(m, ofLarge, result, large.size-small.size); err != nil {
		return err
	}
	return errors.Join(os.Remove(small.image), os.Remove(large.image))
}

// decrypters read a volume as a whole. Dislocker-file refuses to write to nowhere.
func (b *bench) decrypters(v lockedVolume) []contender {
	out := b.path("out.img")
	single := []string{"GOMAXPROCS=1"}
	return ready([]contender{
		{name: "hangkit, one core, to nowhere", env: single, args: []string{b.self, unlockVerb, v.image}},
		{name: "hangkit, all cores, to nowhere", args: []string{b.self, unlockVerb, v.image}},
		{name: "hangkit, one core, to a file", env: single, args: []string{b.self, unlockVerb, v.image, out}, out: out, digest: v.digest},
		{
			name: "dislocker-file, to a file", needs: []string{"dislocker-file"}, out: out, digest: v.digest, peer: true,
			args: []string{"dislocker-file", "-q", "-V", v.image, "-p" + recovery, "--", out},
		},
	})
}

// printSpeeds takes the figures of the small volume, and behind them those of the large one.
func printSpeeds(m bitlocker.Method, list []contender, result []figures, bytes int64) error {
	speeds := make([]speed, len(list))
	for i := range list {
		speeds[i] = newSpeed(result[i], result[len(list)+i], bytes)
	}
	peer := len(list) - 1
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "%v\tMB per second of a processor\ttimes dislocker\tMB/s\tseconds to open\t\n", m)
	for i, s := range speeds {
		times := ""
		if list[peer].peer && speeds[peer].flaw == "" {
			times = fmt.Sprintf("%.1f", s.perCPU/speeds[peer].perCPU)
		}
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%.0f\t%.3f\t%s\n", list[i].name, s.perCPU, times, s.perSecond, s.open, s.note(m, i))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// speed is what a contender decrypts, in MB, and how long it takes until it does.
type speed struct {
	perCPU, perSecond, open float64
	flaw                    string
}

func newSpeed(small, large figures, bytes int64) speed {
	mb := float64(bytes) / 1e6
	s := speed{perCPU: mb / (large.cpu - small.cpu), perSecond: mb / (large.wall - small.wall), open: small.wall, flaw: large.flaw}
	if small.flaw != "" {
		s.flaw = small.flaw
	}
	return s
}

// note is the target of the row, which is that of ReadAt alone, or why it has no figures.
func (s speed) note(m bitlocker.Method, row int) string {
	switch {
	case s.flaw != "":
		return "failed: " + s.flaw
	case row == 0 && (m == bitlocker.XTS128 || m == bitlocker.XTS256):
		return fmt.Sprintf("at least %d, and %d times dislocker", xtsTarget, peerTarget)
	}
	return ""
}
