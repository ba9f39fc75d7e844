package hive

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The notes of a commit say why it is done the way it is, in every case.
func TestCommitNotes(t *testing.T) {
	t.Parallel()
	hvle := sampleSet(t, "real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_B/SYSTEM_B.LOG1", "real/SYSTEM_B/SYSTEM_B.LOG2")
	live := readLog(Log2, newMemFile(hvle[Log2])).end
	clean := smallHive(t, 5)[Primary]
	large, small := make([]byte, 1<<20), make([]byte, 1024)
	dirt5, hvle6, dirt7 := logOf(typeLogDIRT, 5), logOf(typeLogHvLE, 6), logOf(typeLogDIRT, 7)
	for _, c := range []struct {
		name     string
		files    files
		options  CommitOptions
		protocol Protocol
		want     []string
	}{
		{"first log", files{clean, large, large}, CommitOptions{Generation: GenerationHvLE}, ProtocolHvLE,
			[]string{"Windows 8.1 and later", "LOG1 has room"}},
		{"first log absent", files{clean, nil, large}, CommitOptions{Generation: GenerationHvLE}, ProtocolHvLE,
			[]string{"Windows 8.1 and later", "LOG1 is absent", "LOG2 has room"}},
		{"first log too small", files{clean, small, large}, CommitOptions{Generation: GenerationDIRT}, ProtocolDIRT,
			[]string{"Windows Vista to 8", "LOG1 may have 1024 bytes", "too few", "LOG2 has room"}},
		{"empty log may grow", files{clean, {}}, CommitOptions{Generation: GenerationXP, MaxLogSize: 1 << 20}, ProtocolDIRT,
			[]string{"Windows XP", "LOG1 has room"}},
		{"empty log may not grow", files{clean, {}}, CommitOptions{Generation: GenerationXP}, Direct,
			[]string{"Windows XP", "LOG1 may have 0 bytes", "no log can hold the changes"}},
		{"nothing tells", files{clean}, CommitOptions{}, Direct,
			[]string{"there is no log that tells", "the changes go into no log"}},
		{"blank logs tell nothing", files{clean, large, large}, CommitOptions{}, Direct,
			[]string{"there is no log that tells", "the changes go into no log"}},
		{"HvLE log is the later one", files{clean, dirt5, hvle6}, CommitOptions{}, ProtocolHvLE,
			[]string{"LOG2 is an HvLE log"}},
		{"DIRT log is the later one", files{clean, dirt7, hvle6}, CommitOptions{}, ProtocolDIRT,
			[]string{"LOG1 is a DIRT log"}},
		{"dirty, room behind the log", files{hvle[Primary], slices.Concat(hvle[Log1], large), slices.Concat(hvle[Log2], large)}, CommitOptions{}, ProtocolHvLE,
			[]string{"the primary is dirty and needs", "behind the last entry"}},
		{"dirty, no room", files{hvle[Primary], hvle[Log1], hvle[Log2][:live]}, CommitOptions{Generation: GenerationHvLE}, ProtocolHvLE,
			[]string{"no room behind its last entry", "written to the primary first", "has room"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := mustOpen(t, c.files)
			setValue(t, h, `ControlSet001\Control\CrashControl`, Value{"record", Binary, pattern(5000)})
			c.options.Now = testTime
			commit, err := h.Commit(c.options)
			if err != nil {
				t.Fatal(err)
			}
			if commit.Protocol != c.protocol {
				t.Errorf("protocol %v, want %v", commit.Protocol, c.protocol)
			}
			notes := strings.Join(commit.Notes, "\n")
			for _, want := range c.want {
				if !strings.Contains(notes, want) {
					t.Errorf("%q does not say %q", notes, want)
				}
			}
		})
	}
}

// logOf is a log with room that holds a base block and nothing else.
func logOf(fileType, sequence uint32) []byte {
	log := make([]byte, 1<<20)
	b := baseBlock(log[:sectorSize])
	copy(b, newBaseBlock(NewOptions{}))
	b.setFileType(fileType)
	b.setSequences(sequence, sequence)
	b.seal()
	return log
}

// A file whose size is a multiple of 256 KiB grows to another one, if it may.
func TestCommitGrowsFile(t *testing.T) {
	t.Parallel()
	whole := smallHive(t, 5)[Primary]
	end := baseBlockSize + int(baseBlock(whole).binsSize())
	stepped := slices.Concat(whole[:end], make([]byte, growthStep-end))
	for _, c := range []struct {
		name    string
		primary []byte
		limit   int64
		want    int64 // size of the file afterwards, as a multiple of it
	}{
		{"stepped", stepped, 1 << 20, growthStep},
		{"stepped, no room for the step", stepped, growthStep + 100_000, pageSize},
		{"ends at the last bin", whole[:end:end], 1 << 20, pageSize},
	} {
		h := mustOpen(t, files{c.primary})
		h.AllowGrowth(c.limit)
		setValue(t, h, "Key", Value{"v", Binary, pattern(300_000)})
		commit, err := h.Commit(CommitOptions{Now: testTime})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		f := disk{slices.Clone(c.primary)}
		for _, w := range commit.Writes {
			f.apply(w, len(w.Data))
		}
		size := int64(len(f[Primary]))
		if size%c.want != 0 || size > c.limit || size <= int64(len(c.primary)) || size > fileOffset(h.bins.size()) && c.want == pageSize {
			t.Errorf("%s: %#x bytes", c.name, size)
		}
		noFindings(t, mustOpen(t, f.files()))
	}
}

// What the log of a dirty primary makes grow needs room in the file too.
func TestCommitRefusesGrowthByLog(t *testing.T) {
	t.Parallel()
	f := smallHive(t, 5)
	end := baseBlockSize + int(baseBlock(f[Primary]).binsSize())
	h := mustOpen(t, files{f[Primary][:end:end]})
	h.AllowGrowth(1 << 20)
	setValue(t, h, "Key", Value{"v", Binary, pattern(100_000)})
	h.AllowGrowth(int64(end))
	if _, err := h.Commit(CommitOptions{Now: testTime}); !errors.Is(err, ErrNoRoom) {
		t.Errorf("error %v", err)
	}
}
