package eventlog_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"hangkit/collect/eventlog"
	"hangkit/collect/eventlog/eventtest"
)

var day = time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)

// story is a machine that was started, hung while it shut down, was crashed by
// keyboard, and could not write the dump of the crash after that.
func story() []eventtest.Event {
	at := func(minutes int) time.Time { return day.Add(time.Duration(minutes) * time.Minute) }
	return []eventtest.Event{
		{Time: at(0), Provider: "Microsoft-Windows-Kernel-General", ID: 12, Data: []eventtest.Field{
			eventtest.Named("MajorVersion", uint32(10)), eventtest.Named("MinorVersion", uint32(0)), eventtest.Named("BuildVersion", uint32(19041)), eventtest.Named("StartTime", at(0))}},
		{Time: at(1), Provider: "EventLog", ID: 6005},
		{Time: at(2), Provider: "Service Control Manager", ID: 7036, Data: []eventtest.Field{eventtest.Named("param1", "Spooler"), eventtest.Named("param2", "running")}},
		{Time: at(3), Provider: "Microsoft-Windows-Kernel-Boot", ID: 20, Data: []eventtest.Field{eventtest.Named("LastBootGood", uint32(1))}},
		{Time: at(10), Provider: "User32", ID: 1074, Data: []eventtest.Field{
			eventtest.Named("param1", `C:\Windows\explorer.exe`), eventtest.Named("param2", "PC"), eventtest.Named("param3", "Other (Planned)"), eventtest.Named("param4", "0x0"), eventtest.Named("param5", "restart")}},
		{Time: at(30), Provider: "Microsoft-Windows-Kernel-Power", ID: 41, Data: []eventtest.Field{
			eventtest.Named("BugcheckCode", uint32(0xE2)), eventtest.Named("BugcheckParameter1", uint64(1)), eventtest.Named("BugcheckParameter2", uint64(0)),
			eventtest.Named("BugcheckParameter3", uint64(0)), eventtest.Named("BugcheckParameter4", uint64(0xFFFFF80000000000))}},
		{Time: at(31), Provider: "EventLog", ID: 6008, Unnamed: true, Data: []eventtest.Field{
			eventtest.Named("", "21:12:03"), eventtest.Named("", "\u200e20.\u200e11.\u200e2026")}},
		{Time: at(32), Provider: "Microsoft-Windows-WER-SystemErrorReporting", ID: 1001, Data: []eventtest.Field{
			eventtest.Named("param1", "0x000000e2 (0x0000000000000001, 0x0, 0x0, 0xfffff80000000000)"), eventtest.Named("param2", `C:\Windows\MEMORY.DMP`), eventtest.Named("param3", "id")}},
		{Time: at(40), Provider: "Microsoft-Windows-Kernel-Power", ID: 41, Data: []eventtest.Field{
			eventtest.Named("BugcheckCode", uint32(0)), eventtest.Named("PowerButtonTimestamp", uint64(5)), eventtest.Named("SleepInProgress", uint32(1))}},
		{Time: at(41), Provider: "volmgr", ID: 161, Unnamed: true, Data: []eventtest.Field{eventtest.Named("", `\Device\HarddiskVolume3`), eventtest.Named("", "0x00040042")}},
		{Time: at(42), Provider: "Microsoft-Windows-Kernel-Boot", ID: 20, Data: []eventtest.Field{eventtest.Named("LastBootGood", uint32(0))}},
		{Time: at(43), Provider: "Microsoft-Windows-Kernel-IO", ID: 1207},
		{Time: at(44), Provider: "Microsoft-Windows-Kernel-General", ID: 13, Data: []eventtest.Field{eventtest.Named("StopTime", at(44))}},
	}
}

const told = `1 21:00 boot: Windows started, version 10.0.19041
2 21:01 boot: the event log service started
5 21:10 shutdown asked for: restart asked for: C:\Windows\explorer.exe (Other (Planned))
6 21:30 unexpected shutdown: Windows had ended without a shutdown, by bugcheck 0xE2 (0x1, 0x0, 0x0, 0xFFFFF80000000000)
7 21:31 unexpected shutdown: the shutdown before this boot was unexpected: Windows last ran at 21:12:03 on 20.11.2026, local time
8 21:32 bugcheck: Windows restarted from bugcheck 0xE2 (0x1, 0x0, 0x0, 0xFFFFF80000000000), dump in C:\Windows\MEMORY.DMP
9 21:40 unexpected shutdown: Windows had ended without a shutdown, the power button was held, and no bugcheck was recorded: it probably hung, while it went to sleep or woke
10 21:41 dump failed: the crash could not write its dump, progress 0x00040042
11 21:42 boot failed: the boot before this one did not come to its end
12 21:43 dump failed: the encryption of dumps could not be set up, so no dumps are written
13 21:44 shutdown: Windows shut down
`

func storyLog() []byte {
	var l eventtest.Log
	l.Add(story()...)
	return l.Bytes()
}

func crashes(t *testing.T, file []byte) *eventlog.History {
	t.Helper()
	h, err := eventlog.Crashes(t.Context(), bytes.NewReader(file), int64(len(file)), 200)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tell(events []eventlog.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%d %s %s: %s\n", e.Record, e.Time.Format("15:04"), e.Kind, e.Words)
	}
	return b.String()
}

func TestCrashes(t *testing.T) {
	t.Parallel()
	h := crashes(t, storyLog())
	if got := tell(h.Events); got != told {
		t.Errorf("got\n%swant\n%s", got, told)
	}
	if h.Records != 13 || h.Damaged != 0 || len(h.Problems) != 0 {
		t.Errorf("%d records, %d damaged, problems %v", h.Records, h.Damaged, h.Problems)
	}
	for _, e := range h.Events {
		if late := e.Provider == "volmgr" || strings.Contains(e.Provider, "-Kernel-"); e.Late != late {
			t.Errorf("event %d of %s: late is %t", e.Record, e.Provider, e.Late)
		}
	}
	for _, i := range []int{3, 5} {
		if e := h.Events[i]; e.Code != 0xE2 || e.Parameters != [4]uint64{1, 0, 0, 0xFFFFF80000000000} {
			t.Errorf("event %d: code %#x, parameters %#x", e.Record, e.Code, e.Parameters)
		}
	}
}

// filler makes a log longer: events of no interest.
func filler(n int) []eventtest.Event {
	e := eventtest.Event{Time: day, Provider: "Service Control Manager", ID: 7036, Data: []eventtest.Field{eventtest.Named("param1", strings.Repeat("x", 200))}}
	return slices.Repeat([]eventtest.Event{e}, n)
}

// TestCrashedLog reads logs as a crash leaves them.
func TestCrashedLog(t *testing.T) {
	t.Parallel()
	clean := storyLog()
	wide := func() []byte {
		var l eventtest.Log
		l.Add(filler(300)...)
		l.Add(story()...)
		return l.Bytes()
	}()
	lastRecord := func(file []byte) int { return bytes.LastIndex(file, []byte("**\x00\x00")) }
	tests := []struct {
		name string
		file []byte
		want string // the last line told
		n    int    // lines told
	}{
		{"headers behind their contents", eventtest.Dirty(wide), "313 21:44 shutdown", 11},
		{"the last record torn", func() []byte {
			f := eventtest.Dirty(clean)
			clear(f[lastRecord(f)+100:])
			return f
		}(), "12 21:43 dump failed", 10},
		{"a sector of the middle lost", func() []byte {
			f := bytes.Clone(clean)
			at := eventtest.FirstChunk + 0x1200
			clear(f[at : at+512])
			return f
		}(), "13 21:44 shutdown", 9},
		{"the file's first page lost", func() []byte {
			f := bytes.Clone(clean)
			clear(f[:eventtest.FirstChunk])
			return f
		}(), "13 21:44 shutdown", 11},
		{"a chunk's header lost", func() []byte {
			f := bytes.Clone(clean)
			clear(f[eventtest.FirstChunk : eventtest.FirstChunk+0x80])
			return f
		}(), "13 21:44 shutdown", 11},
		{"a chunk's first record lost", func() []byte {
			f := bytes.Clone(clean)
			clear(f[eventtest.FirstChunk+eventtest.FirstRecord:][:16])
			return f
		}(), "13 21:44 shutdown", 10},
		{"a chunk begun anew, with nothing in it but old records", func() []byte {
			f := bytes.Clone(wide)
			last := f[len(f)-eventtest.ChunkSize:]
			clear(last[eventtest.FirstRecord:][:4])
			binary.LittleEndian.PutUint64(last[0x18:], 1<<64-1)
			return f
		}(), "", 0},
		{"the last chunk never written", func() []byte {
			f := bytes.Clone(wide)
			clear(f[len(f)-eventtest.ChunkSize:])
			return f
		}(), "", 0},
		{"cut within the last chunk", clean[:lastRecord(clean)+10], "12 21:43 dump failed", 10},
		{"wrapped: the newest chunk is the first of the file, with old records behind the new", wrapped(), "1013 21:44 shutdown", 11},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Split(strings.TrimSpace(tell(crashes(t, tt.file).Events)), "\n")
			last := got[len(got)-1]
			if !strings.HasPrefix(last, tt.want) || tt.n != len(got) && tt.want != "" || tt.want == "" && last != "" {
				t.Errorf("%d lines, want %d ending in %q:\n%s", len(got), tt.n, tt.want, strings.Join(got, "\n"))
			}
		})
	}
}

// wrapped is a log that began anew in its first chunk, over longer ones.
func wrapped() []byte {
	var old, young eventtest.Log
	old.Skip(500)
	old.Add(filler(400)...)
	young.Skip(1000)
	young.Add(story()...)
	file := old.Bytes()
	chunk := young.Bytes()[eventtest.FirstChunk:]
	end := int(binary.LittleEndian.Uint32(chunk[0x30:]))
	copy(file[eventtest.FirstChunk:], chunk[:end])
	return file
}

func TestCrashesLimit(t *testing.T) {
	t.Parallel()
	file := storyLog()
	h, err := eventlog.Crashes(t.Context(), bytes.NewReader(file), int64(len(file)), 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Events) != 2 || h.Events[0].Record != 12 || h.Events[1].Record != 13 {
		t.Errorf("got\n%s", tell(h.Events))
	}
}

func TestNotALog(t *testing.T) {
	t.Parallel()
	for _, file := range [][]byte{nil, []byte("ElfFil"), make([]byte, 1<<17), []byte(strings.Repeat("evil", 1<<14))} {
		_, err := eventlog.Crashes(t.Context(), bytes.NewReader(file), int64(len(file)), 200)
		if !errors.Is(err, eventlog.ErrFormat) {
			t.Errorf("%d bytes: %v", len(file), err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	file := storyLog()
	if _, err := eventlog.Crashes(cancelled, bytes.NewReader(file), int64(len(file)), 200); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// badDisk fails below an offset.
type badDisk struct {
	io.ReaderAt
	until int64
}

var errDisk = errors.New("I/O error")

func (d badDisk) ReadAt(p []byte, off int64) (int, error) {
	if off < d.until {
		return 0, errDisk
	}
	return d.ReaderAt.ReadAt(p, off)
}

func TestUnreadableChunk(t *testing.T) {
	t.Parallel()
	var l eventtest.Log
	l.Add(filler(300)...)
	l.Add(story()...)
	file := l.Bytes()
	h, err := eventlog.Crashes(t.Context(), badDisk{bytes.NewReader(file), eventtest.FirstChunk + 1}, int64(len(file)), 200)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Events) != 11 || len(h.Problems) != 2 || !errors.Is(h.Problems[0], errDisk) {
		t.Errorf("%d events, problems %v", len(h.Events), h.Problems)
	}
}

// TestHostileText: what an event holds is shown and does nothing.
func TestHostileText(t *testing.T) {
	t.Parallel()
	var l eventtest.Log
	l.Add(eventtest.Event{Time: day, Provider: "Microsoft-Windows-WER-SystemErrorReporting", ID: 1001, Data: []eventtest.Field{
		eventtest.Named("param1", "\x1b]0;owned\a\u202e"+strings.Repeat("long ", 500)), eventtest.Named("param2", "a\r\nb\x00c")}})
	h := crashes(t, l.Bytes())
	words := h.Events[0].Words
	if strings.ContainsAny(words, "\x1b\a\u202e\r\n\x00") || len(words) > 1000 || !strings.Contains(words, "]0;owned") {
		t.Errorf("words %q", words)
	}
}

// Templates of a bomb: where in the chunk they lie, and how large an instance is
// without its values.
const (
	bombTemplate = 0x8000
	bombRecord   = 0x2000
	instance     = 10 + 4
)

// bomb is a log with one record, and one template. fill writes the record's contents.
func bomb(template []byte, fill func(chunk []byte, at, end int)) []byte {
	file := storyLog()
	chunk := file[eventtest.FirstChunk:]
	at := eventtest.FirstRecord
	clear(chunk[at:])
	binary.LittleEndian.PutUint32(chunk[bombTemplate+20:], uint32(len(template)))
	copy(chunk[bombTemplate+24:], template)
	copy(chunk[at:], "**\x00\x00")
	binary.LittleEndian.PutUint32(chunk[at+4:], bombRecord)
	chunk[at+8] = 1
	binary.LittleEndian.PutUint32(chunk[at+bombRecord-4:], bombRecord)
	fill(chunk, at+24, at+bombRecord-4)
	return file
}

func putInstance(chunk []byte, at, values int) {
	chunk[at] = 0x0C
	binary.LittleEndian.PutUint32(chunk[at+6:], bombTemplate)
	binary.LittleEndian.PutUint32(chunk[at+10:], uint32(values))
}

// nestedBomb has one instance whose template names its only value a thousand times; the
// value is such an instance again, ten deep.
func nestedBomb() []byte {
	const times, levels, one = 1000, 10, instance + 4
	return bomb(bytes.Repeat([]byte{0x0D, 0, 0, 0x21}, times), func(chunk []byte, at, end int) {
		for p := at; p < at+levels*one; p += one {
			putInstance(chunk, p, 1)
			binary.LittleEndian.PutUint16(chunk[p+instance:], uint16(end-p-one))
			chunk[p+instance+2] = 0x21
		}
	})
}

// TestTemplateBomb: a template that is made of itself, many times over, ends soon.
func TestTemplateBomb(t *testing.T) {
	t.Parallel()
	start := time.Now()
	h := crashes(t, nestedBomb())
	if took := time.Since(start); took > 20*time.Second || h.Damaged != 1 || len(h.Problems) != 1 {
		t.Errorf("%d damaged records in %v, problems %v", h.Damaged, took, h.Problems)
	}
}

// TestValueBomb: values cost what tokens do. A record has five times an instance of one
// with ten thousand values: together they cost more than the whole log may.
func TestValueBomb(t *testing.T) {
	t.Parallel()
	const times, values, at = 5, 10_000, 0x4000
	file := bomb(nil, func(chunk []byte, record, _ int) {
		for p := record; p < record+times*instance; p += instance {
			putInstance(chunk, p, 0)
			binary.LittleEndian.PutUint32(chunk[p+6:], at)
		}
		binary.LittleEndian.PutUint32(chunk[at+20:], instance+4*values)
		putInstance(chunk, at+24, values)
		const empty = eventtest.ChunkSize - 24
		binary.LittleEndian.PutUint32(chunk[at+24+6:], empty)
	})
	if h := crashes(t, file); h.Damaged != 1 || len(h.Problems) != 1 {
		t.Errorf("%d damaged records, problems %v", h.Damaged, h.Problems)
	}
}

// TestSplitBomb: an array of strings is split no further than there is room.
func TestSplitBomb(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 64} {
		if n := eventlog.SplitStrings(make([]byte, 1<<16), most); n != most {
			t.Errorf("%d parts, want %d", n, most)
		}
	}
}

// endsAfter is done when it was asked so often.
type endsAfter struct {
	context.Context
	asks int
}

func (c *endsAfter) Err() error {
	if c.asks--; c.asks < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancelledWithinRecord: a record that takes long does not have to end first.
func TestCancelledWithinRecord(t *testing.T) {
	t.Parallel()
	file := nestedBomb()
	h, err := eventlog.Crashes(&endsAfter{t.Context(), 100}, bytes.NewReader(file), int64(len(file)), 200)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", h, err)
	}
}

// FuzzCrashes takes the records of a chunk, and what lies behind them.
func FuzzCrashes(f *testing.F) {
	const records = eventtest.FirstChunk + eventtest.FirstRecord
	file := storyLog()
	f.Add(file[records : records+0x1000])
	f.Add(file[records+0x1000 : records+0x3000])
	f.Add(eventtest.Dirty(file)[records : records+0x400])
	f.Fuzz(func(t *testing.T, b []byte) {
		log := append(bytes.Clone(file[:records]), b...)
		h, err := eventlog.Crashes(t.Context(), bytes.NewReader(log), int64(len(log)), 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range h.Events {
			if strings.ContainsFunc(e.Words, func(r rune) bool { return r < ' ' }) || e.Kind.String() == "" {
				t.Fatalf("event %+v", e)
			}
		}
	})
}

func BenchmarkCrashes(b *testing.B) {
	var l eventtest.Log
	l.Add(story()...)
	l.Add(filler(40_000)...)
	file := l.Bytes()
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		h, err := eventlog.Crashes(b.Context(), bytes.NewReader(file), int64(len(file)), 200)
		if err != nil || len(h.Events) != 11 {
			b.Fatal(len(h.Events), err)
		}
	}
}
