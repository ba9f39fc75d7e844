package hive

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"www.velocidex.com/golang/regparser"
)

// treeLines is everything in a hive, in its order: a line for each key and each value.
func treeLines(tb testing.TB, h *Hive) []string {
	tb.Helper()
	return appendTree(tb, nil, mustKey(tb, h, ""), 0)
}

func appendTree(tb testing.TB, lines []string, k *Key, depth int) []string {
	tb.Helper()
	lines = append(lines, keyLine(depth, k.Name()))
	for v, err := range k.Values() {
		if err != nil {
			tb.Fatalf("values of %q: %v", k.Name(), err)
		}
		lines = append(lines, valueLine(v.Name, v.Type, v.Data))
	}
	for sub, err := range k.Subkeys() {
		if err != nil {
			tb.Fatalf("subkeys of %q: %v", k.Name(), err)
		}
		lines = appendTree(tb, lines, sub, depth+1)
	}
	return lines
}

func keyLine(depth int, name string) string { return fmt.Sprintf("%d %q", depth, name) }

func valueLine(name string, kind Type, data []byte) string {
	return fmt.Sprintf("  %q %d %d %x", name, uint32(kind), len(data), data)
}

// sameInSecondReader compares a valid hive, key by key and value by value, with what a reader finds in
// it that shares no code with ours.
func sameInSecondReader(tb testing.TB, h *Hive) {
	tb.Helper()
	r, err := regparser.NewRegistry(bytes.NewReader(mustBytes(tb, h)))
	if err != nil {
		tb.Fatalf("second reader: %v", err)
	}
	s := secondTree{tb: tb, h: h}
	s.walk(r.OpenKey(""), 0)
	ours := treeLines(tb, h)
	if !slices.Equal(ours, s.lines) {
		i := 0
		for i < min(len(ours), len(s.lines)) && ours[i] == s.lines[i] {
			i++
		}
		tb.Fatalf("the second reader disagrees in line %d:\nours   %.200v\nsecond %.200v", i, ours[i:], s.lines[i:])
	}
}

// secondTree makes the lines of treeLines with the second reader.
type secondTree struct {
	tb    testing.TB
	h     *Hive
	lines []string
}

func (s *secondTree) walk(k *regparser.CM_KEY_NODE, depth int) {
	s.lines = append(s.lines, keyLine(depth, storedName{[]byte(k.Name()), k.Flags()&keyName8Bit != 0}.String()))
	if k.Flags()&keyPredefined == 0 && k.ValueList().Count() > 0 {
		for _, v := range k.Values() {
			name := storedName{[]byte(v.ValueName()), v.Flags()&valueName8Bit != 0}.String()
			s.lines = append(s.lines, valueLine(name, Type(v.Type()), s.data(v)))
		}
	}
	if k.SubKeyCounts()[0] == 0 {
		return
	}
	for _, sub := range k.Subkeys() {
		s.walk(sub, depth+1)
	}
}

// data is a value's data as the second reader has them, but ours where it is known to go by the wrong
// thing: it takes every cell that begins with "db" for big data and any size for a segment, reads
// four bytes of each value kept in its key, and fills up a REG_MULTI_SZ of odd length.
func (s *secondTree) data(v *regparser.CM_KEY_VALUE) []byte {
	s.tb.Helper()
	cell := uint32(v.Offset-baseBlockSize) - cellHeaderSize
	k, err := s.h.bins.keyValue(cell)
	if err != nil {
		s.tb.Fatalf("value of the second reader: %v", err)
	}
	ours, err := s.h.bins.valueData(k, cell, s.h.base.minor())
	if err != nil {
		s.tb.Fatalf("value of the second reader: %v", err)
	}
	if !k.inline() && (len(ours) == 0 || s.misread(k)) {
		return ours
	}
	data := v.ValueData().Data
	return data[:min(len(data), int(v.DataSize()))]
}

// misread says whether the second reader is known to misread a value that is not kept in its key.
func (s *secondTree) misread(k keyValue) bool {
	size, minor := k.dataSize(), s.h.base.minor()
	if !big(size, minor) {
		p, err := s.h.bins.cell(k.dataOffset())
		return err != nil || bytes.HasPrefix(p, []byte("db"))
	}
	_, cells, err := s.h.bins.segments(k.dataOffset(), size)
	return err != nil || slices.ContainsFunc(cells, func(off uint32) bool {
		_, n, err := s.h.bins.allocated(off)
		return err != nil || n != segmentRoom
	})
}

// checkHints tests that a key's longest names and data are no longer than it says: Windows 10 refuses
// a hive in which they are.
func checkHints(tb testing.TB, k *Key) {
	tb.Helper()
	var name, class, valueName, data int
	for v, err := range k.Values() {
		if err != nil {
			tb.Fatal(err)
		}
		valueName, data = max(valueName, 2*len(EncodeUTF16(v.Name))), max(data, len(v.Data))
	}
	for sub, err := range k.Subkeys() {
		if err != nil {
			tb.Fatal(err)
		}
		name, class = max(name, 2*len(EncodeUTF16(sub.Name()))), max(class, int(sub.node.classLen()))
		checkHints(tb, sub)
	}
	n := k.node
	if name > int(n.maxName()) || class > int(n.maxClass()) || valueName > int(n.maxValueName()) || data > int(n.maxValueData()) {
		tb.Fatalf("key %q: longest %d, %d, %d, %d, but it says %d, %d, %d, %d", k.Name(), name, class, valueName, data,
			n.maxName(), n.maxClass(), n.maxValueName(), n.maxValueData())
	}
}
