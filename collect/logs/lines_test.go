package logs_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"hangkit/collect/logs"
)

func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

func TestLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		file string
		want []string
	}{
		{"empty", "", nil},
		{"plain text", "Dump stack started\r\nwrote 1024 pages\r\n", []string{"Dump stack started", "wrote 1024 pages"}},
		{"wide text in binary", "\x01\x02\xff\x00\x10" + wide("Dump stack started") + "\x00\x00\x03\x80" + wide("ab") + "\x00\x00" + wide("second line here"),
			[]string{"Dump stack started", "second line here"}},
		{"no text", strings.Repeat("\x00\xff#!*&^%$@(){}", 50), nil},
		{"terminal escapes", "\x1b]0;owned by a file\x07\x1b[2J", []string{"]0;owned by a file"}},
		{"a long line", strings.Repeat("y", 1000), []string{strings.Repeat("y", 200)}},
		{"an odd byte at the end", wide("Dump stack started") + "x", []string{"Dump stack started"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := logs.Lines(strings.NewReader(tt.file))
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestLinesBounds(t *testing.T) {
	t.Parallel()
	got, err := logs.Lines(strings.NewReader(strings.Repeat("some line or other\n", 200_000)))
	if err != nil || len(got) != 40 {
		t.Errorf("%d lines, %v", len(got), err)
	}
	if _, err := logs.Lines(iotest.ErrReader(errDisk)); !errors.Is(err, errDisk) {
		t.Errorf("a bad disk: %v", err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("Dump stack started\r\n"))
	f.Add([]byte("\x00\x01" + wide("Dump stack started")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := logs.Lines(strings.NewReader(string(b)))
		if err != nil || len(got) > 40 {
			t.Fatalf("%d lines, %v", len(got), err)
		}
		for _, line := range got {
			if len(line) > 200 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("line %q", line)
			}
		}
	})
}
