package hive

import (
	"bytes"
	"errors"
	"testing"
)

// withTail is the hive's bytes with what the primary holds behind the last bin.
func withTail(tb testing.TB, h *Hive, primary []byte) []byte {
	tb.Helper()
	p := mustBytes(tb, h)
	if len(p) < len(primary) {
		p = append(p, primary[len(p):]...)
	}
	return p
}

// The twins come from Windows 10 itself, and from a replay that Windows' own rule confirmed.
func TestRecoveryEqualsWindows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, primary, log1, log2, want string
		entries                         int
		first, last                     uint32
	}{
		{"both logs contiguous", "yarp/NewDirtyHive1/NewDirtyHive", "yarp/NewDirtyHive1/NewDirtyHive.LOG1", "yarp/NewDirtyHive1/NewDirtyHive.LOG2", "yarp/NewDirtyHive1/RecoveredHive_Windows10", 4, 2, 5},
		{"partially reconciled SYSTEM", "real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_B/SYSTEM_B.LOG1", "real/SYSTEM_B/SYSTEM_B.LOG2", "real/SYSTEM_B/SYSTEM_B.expected", 24, 2107, 2130},
		{"names swapped", "real/SYSTEM_B/SYSTEM_B", "real/SYSTEM_B/SYSTEM_B.LOG2", "real/SYSTEM_B/SYSTEM_B.LOG1", "real/SYSTEM_B/SYSTEM_B.expected", 24, 2107, 2130},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := sampleSet(t, c.primary, c.log1, c.log2)
			h := mustOpen(t, f)
			if got := withTail(t, h, f[Primary]); !bytes.Equal(got, sample(t, c.want)) {
				t.Errorf("differs from %s first at %#x", c.want, firstDifference(got, sample(t, c.want)))
			}
			r := h.Recovery()
			if !r.Dirty || r.Protocol != ProtocolHvLE || r.Entries != c.entries || r.FirstSequence != c.first || r.LastSequence != c.last {
				t.Errorf("recovery: %+v", r)
			}
		})
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// Windows 7 recovered this hive and then wrote a value of its own: its times, the file name in the
// base block, and one byte in the page at 0x6b000 are not part of the recovery.
func TestDIRTRecoveryEqualsWindows7(t *testing.T) {
	t.Parallel()
	f := sampleSet(t, "yarp/OldDirtyHive/OldDirtyHive", "yarp/OldDirtyHive/OldDirtyHive.LOG1", "yarp/OldDirtyHive/OldDirtyHive.LOG2")
	h := mustOpen(t, f)
	got, want := withTail(t, h, f[Primary]), sample(t, "yarp/OldDirtyHive/RecoveredHive_Windows7")
	for i := range want {
		switch {
		case i < sectorSize:
		case i >= 0x1014 && i < 0x101c: // first bin's time
		case i >= 0x6bdc8 && i < 0x6bdc9: // what that value changed
		case got[i] != want[i]:
			t.Fatalf("differs at %#x: %#x, want %#x", i, got[i], want[i])
		}
	}
	if r := h.Recovery(); r.Protocol != ProtocolDIRT || len(r.Applied) != 1 || r.Applied[0] != Log1 {
		t.Errorf("recovery: %+v", r)
	}
	if keys, _ := countTree(t, mustKey(t, h, "")); keys != 5003 {
		t.Errorf("%d keys, want 5003", keys)
	}
}

// Whether Windows' own code applies the logs of these sets or refuses them.
func TestRecoveryOutcomes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		set     []string
		want    error
		applied int
	}{
		{"older log below the primary's sequence", []string{"yarp/NewDirtyHive2/NewDirtyHive", "yarp/NewDirtyHive2/NewDirtyHive.LOG1", "yarp/NewDirtyHive2/NewDirtyHive.LOG2"}, nil, 1},
		{"stale LOG2", []string{"real/ntuser_logs/NTUSER.DAT", "real/ntuser_logs/NTUSER.DAT.LOG1", "real/ntuser_logs/NTUSER.DAT.LOG2"}, nil, 1},
		{"DIRT tag overwritten", []string{"yarp/BadLogHive2/BadLogHive", "yarp/BadLogHive2/BadLogHive.LOG1", "yarp/BadLogHive2/BadLogHive.LOG2"}, nil, 1},
		{"log checksum wrong, DIRT", []string{"yarp/BadLogHive1/BadLogHive", "yarp/BadLogHive1/BadLogHive.LOG1", "yarp/BadLogHive1/BadLogHive.LOG2"}, ErrLogsNotApplicable, 0},
		{"log checksums wrong, HvLE", []string{"yarp/BadLogHive3/BadLogHive", "yarp/BadLogHive3/BadLogHive.LOG1", "yarp/BadLogHive3/BadLogHive.LOG2"}, ErrLogsNotApplicable, 0},
		{"base block wrong, log of another time", []string{"yarp/BadBaseBlockHive/BadBaseBlockHive", "yarp/BadBaseBlockHive/BadBaseBlockHive.LOG1", "yarp/BadBaseBlockHive/BadBaseBlockHive.LOG2"}, ErrLogsNotApplicable, 0},
		{"Windows 8.1, no logs", []string{"real/SYSTEM_2"}, ErrDirtyNoLog, 0},
		{"Windows 10, no logs", []string{"real/SYSTEM_WIN_10_1709"}, ErrDirtyNoLog, 0},
		{"dirty and cut", []string{"yarp/TruncatedDirtyHive"}, ErrDirtyNoLog, 0},
		{"bad checksum", []string{"yarp/EffectiveSizeHive"}, ErrDirtyNoLog, 0},
		{"stray bytes and bad checksum", []string{"yarp/GarbageHive"}, ErrDirtyNoLog, 0},
		{"bad checksum, user hive", []string{"misc/EZ_SAN_OTHER"}, ErrDirtyNoLog, 0},
		{"cut", []string{"yarp/TruncatedHive"}, ErrFormat, 0},
		{"not a hive", []string{"misc/EZ_NotAHive"}, ErrFormat, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, err := Open(sampleSet(t, c.set[0], c.set[1:]...).source())
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if err == nil && len(h.Recovery().Applied) != c.applied {
				t.Errorf("applied %v, want %d logs", h.Recovery().Applied, c.applied)
			}
		})
	}
}
