package nbd

import (
	"io"
	"strings"
	"testing"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]address{
		"nbd://host":                       {"tcp", "host:10809", ""},
		"nbd://[::1]:99/a/b":               {"tcp", "[::1]:99", "a/b"},
		"nbd+unix:///?socket=/run/s":       {"unix", "/run/s", ""},
		"nbd+unix:///disk%201?socket=/a%3": {},
		"nbd+unix:///x":                    {},
		"nbd:///x":                         {},
	} {
		got, err := parseURL(name)
		if got != want || (err == nil) == (want == address{}) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if IsURL("disk.img") || !IsURL("nbd://x") || !IsURL("nbd+unix:///?socket=x") {
		t.Error("IsURL")
	}
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte("NBDMAGICIHAVEOPT\x00\x03"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = handshake(struct {
			io.Reader
			io.Writer
		}{strings.NewReader(string(b)), io.Discard}, "x")
	})
}
