package collect

import (
	"errors"
	"fmt"
	"math"

	"hangkit/collect/dumpfile"
)

// examine opens the candidate and finds out what it is.
func (c *Candidate) examine() {
	src, err := c.openBest()
	if err != nil {
		c.unreadable(err)
		return
	}
	defer src.Close()
	c.FileSize = src.size
	kind, err := dumpfile.Identify(src, src.size)
	if err != nil {
		c.unreadable(err)
		return
	}
	c.kind = kind
	c.classify(src)
	c.Stale = c.staleness()
}

// openBest opens a page file raw, and any other file as the file system shows
// it unless its clusters hold more.
func (c *Candidate) openBest() (*source, error) {
	if c.Source.raw() {
		c.raw = true
		return c.open()
	}
	file, err := c.open()
	if err != nil {
		return nil, err
	}
	raw, err := openRaw(c.Place.Volume, c.Path)
	if err != nil || !preferRaw(file, raw) {
		return file, nil //nolint:nilerr // a file without clusters of its own is read as a file
	}
	c.raw = true
	c.problem(errors.New("the file system takes part of this file for unwritten; read from its clusters"))
	return &source{raw, file, file.size}, nil
}

func (c *Candidate) unreadable(err error) {
	c.State, c.Why = StateUnreadable, "it cannot be read"
	c.problem(fmt.Errorf("open %s: %w", c.Path, err))
}

// classify gives the candidate its state.
func (c *Candidate) classify(src *source) {
	switch c.kind {
	case dumpfile.KindKernel64, dumpfile.KindKernel32:
		c.kernelDump(src)
	case dumpfile.KindWiped64, dumpfile.KindWiped32:
		c.wipedDump(src)
	case dumpfile.KindUser:
		c.takeFile(StateUserDump, "a dump of a program, not of the kernel")
	case dumpfile.KindFirmware, dumpfile.KindFirmwareEncrypted:
		c.firmwareDump(src)
	case dumpfile.KindEmpty:
		c.State, c.Why = StateEmpty, "it begins with zeros: no dump was written"
	default:
		c.State, c.Why = StateNotDump, "it does not begin with a dump header"
		if c.FileSize == 0 {
			c.State, c.Why = StateEmpty, "the file is empty"
		}
	}
}

// wipedDump is told by what is left of its header.
func (c *Candidate) wipedDump(src *source) {
	c.State, c.Why = StateHeaderWiped, "a later boot zeroed the first page of this dump; what follows is still there"
	c.Layout = dumpfile.LayoutWiped(src, src.size, c.kind)
	c.measure()
	left, err := dumpfile.ParseRemains(src, src.size, c.kind)
	if err != nil {
		c.problem(err)
	}
	c.Header = left
	if left != nil && left.Encrypted() {
		c.Why += ", encrypted with " + c.certificate()
	}
}

// firmwareDump is as long as its header says.
func (c *Candidate) firmwareDump(src *source) {
	c.takeFile(StateFirmware, "a dump written by the firmware")
	d, err := dumpfile.ParseFirmware(src, src.size)
	switch {
	case err != nil:
		c.problem(err)
		return
	case d.Encrypted:
		c.Why = "an encrypted dump written by the firmware"
	case d.Insufficient:
		c.Why = fmt.Sprintf("a dump written by the firmware, for which there was too little room: it would have taken %s", sizeText(clampSize(d.Required)))
	case !d.Valid:
		c.Why = "a dump that the firmware did not finish writing"
	}
	if d.Size.Known {
		c.Length, c.Have = d.Size.Bytes, min(d.Size.Bytes, c.FileSize)
		c.Missing.Bytes = c.Length - c.Have
	}
}

// clampSize is n as a size that can be shown; what no disk holds stays as absurd.
func clampSize(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// certificate names who can read an encrypted dump.
func (c *Candidate) certificate() string {
	if c.Place.Certificate == "" {
		return "the certificate of the machine's settings"
	}
	return "the certificate " + c.Place.Certificate
}

func (c *Candidate) takeFile(s State, why string) {
	c.State, c.Why = s, why
	c.Length, c.Have = c.FileSize, c.FileSize
}

func (c *Candidate) kernelDump(src *source) {
	h, err := dumpfile.ParseHeader(src, src.size)
	if errors.Is(err, dumpfile.ErrTruncated) {
		c.takeFile(StatePartial, "it ends within its header")
		return
	}
	if err != nil {
		c.unreadable(err)
		return
	}
	c.Header = h
	c.Layout = h.Layout(src, src.size)
	c.Problems = append(c.Problems, c.Layout.Problems...)
	c.measure()
	c.State, c.Why = c.judge()
}

// measure sets Length, Have and Missing. A file is taken as a whole, a page
// file as far as the dump in it goes.
func (c *Candidate) measure() {
	c.Length = c.Layout.Need
	if c.Length == 0 || !c.Source.raw() {
		c.Length = max(c.Length, c.FileSize)
	}
	c.Have = min(c.Length, c.FileSize)
	m, err := c.Layout.Missing(c.Have)
	if err != nil {
		c.problem(err)
	}
	c.Missing = m
}

// judge tells the states of a dump with a readable header apart.
func (c *Candidate) judge() (State, string) {
	l, attr := c.Layout, c.Header.Attributes
	short := l.Format.Known && c.Have < l.Format.Bytes || !l.Format.Known && c.Missing.Bytes > 0
	switch {
	case short && c.Missing.SecondaryOnly:
		return StatePartial, "every page is there, but the secondary data behind them is cut short"
	case short:
		return StatePartial, fmt.Sprintf("%d of %d bytes are there: the file was too small for the dump", c.Have, c.Length)
	case attr.Known && attr.Value&dumpfile.AttrInsufficientFile != 0:
		return StatePartial, "the kernel noted that the file was too small for the dump"
	case c.Header.Encrypted():
		return StateEncrypted, "its contents are encrypted with " + c.certificate()
	case l.Need == 0:
		return StatePartial, "how long the dump is cannot be told: the whole file is taken"
	case len(l.Problems) > 0:
		return StateDamaged, l.Problems[0].Error()
	case c.Missing.Bytes > 0:
		return StateComplete, fmt.Sprintf("every page is there; up to %d bytes of secondary data may be missing", c.Missing.Bytes)
	}
	return StateComplete, "everything the header announces is there"
}
