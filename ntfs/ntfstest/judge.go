package ntfstest

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// ntfsckVariable names the environment variable that says where ntfsck is. Its
// package conflicts with that of ntfs-3g, so it is never simply there: scripts/ntfsck
// gets it.
const ntfsckVariable = "HANGKIT_NTFSCK"

// A Judge is a program that says what it thinks of a volume. It changes nothing.
type Judge struct {
	Name string
	ask  func(tb testing.TB, img string) Opinion
}

// Opinion is what a judge says: whether it complains, and its words.
type Opinion struct {
	Complains bool
	Words     string
}

// Ask has the judge look at the image of a volume.
func (j Judge) Ask(tb testing.TB, img string) Opinion {
	tb.Helper()
	return j.ask(tb, img)
}

// maxSleuthkitCluster is the largest cluster that sleuthkit 4.11 reads.
const maxSleuthkitCluster = 64 << 10

// Judges are the programs that check a volume or read all of it, as far as they take
// clusters of this size. Those that Debian has must be installed; ntfsck joins in
// where HANGKIT_NTFSCK says where it is.
func Judges(tb testing.TB, clusterSize int64) []Judge {
	tb.Helper()
	return slices.Concat(checkers(tb), walkers(tb, clusterSize), []Judge{{"ntfs-3g", byReading}})
}

// checkers are the judges that check structures.
func checkers(tb testing.TB) []Judge {
	tb.Helper()
	Need(tb, "ntfsresize", "ntfsfix")
	all := []Judge{
		{"ntfsresize -i -f", unlessFull(byStatus("ntfsresize", "--info", "--force", "--no-action", "--no-progress-bar"))},
		{"ntfsfix -n", byStatus("ntfsfix", "--no-action")},
	}
	if ntfsck := os.Getenv(ntfsckVariable); ntfsck != "" {
		all = append(all, Judge{"ntfsck -n", byStatus(ntfsck, "--repair-no")})
	}
	return all
}

// walkers are the judges that list all files, and look for deleted ones in every
// record: it takes them minutes where there are millions.
func walkers(tb testing.TB, clusterSize int64) []Judge {
	tb.Helper()
	Need(tb, "fsstat", "fls")
	if clusterSize > maxSleuthkitCluster {
		return nil
	}
	return []Judge{
		{"fsstat", byStatus("fsstat", "-f", "ntfs")},
		{"fls -r", byStatus("fls", "-r", "-p", "-l", "-f", "ntfs")},
	}
}

// byStatus is the judgement of a program whose exit status says what it thinks.
func byStatus(program string, args ...string) func(testing.TB, string) Opinion {
	return func(tb testing.TB, img string) Opinion {
		tb.Helper()
		cmd := exec.CommandContext(tb.Context(), program, append(slices.Clip(args), img)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			tb.Fatal(err) // it did not even start
		}
		return Opinion{Complains: err != nil, Words: string(out)}
	}
}

// unlessFull has no ear for the complaint that a volume is too full to be made
// smaller: ntfsresize says so after it has found nothing wrong.
func unlessFull(ask func(testing.TB, string) Opinion) func(testing.TB, string) Opinion {
	return func(tb testing.TB, img string) Opinion {
		tb.Helper()
		o := ask(tb, img)
		o.Complains = o.Complains && !strings.Contains(o.Words, "ERROR: Volume is full.")
		return o
	}
}

// byReading is the judgement of ntfs-3g.
func byReading(tb testing.TB, img string) Opinion {
	tb.Helper()
	seen, err := readByDriver(tb, img)
	if err != nil {
		return Opinion{Complains: true, Words: err.Error()}
	}
	return Opinion{Words: seen.String()}
}

// readByDriver has ntfs-3g mount a volume read-only, without a look at its journal,
// and reads every file.
func readByDriver(tb testing.TB, img string) (files, error) {
	tb.Helper()
	d, err := mount(tb, img, "ro,norecover")
	if err != nil {
		return nil, err
	}
	defer d.unmount(tb)
	return readAll(os.DirFS(d.dir))
}
