package live

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSplitCmdline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "quiet panic=30\n", []string{"quiet", "panic=30"}},
		{"quoted value", `a hangkit.run="check; arm --yes" b`, []string{"a", "hangkit.run=check; arm --yes", "b"}},
		{"quoted word, as GRUB passes it on", `"hangkit.run=collect -o stick:" b`, []string{"hangkit.run=collect -o stick:", "b"}},
		{"inner quotes of GRUB", `"hangkit.run=collect -o \'stick:my dir\'"`, []string{"hangkit.run=collect -o 'stick:my dir'"}},
		{"Windows path", `hangkit.run="arm --dump-file C:\dump.dmp"`, []string{`hangkit.run=arm --dump-file C:\dump.dmp`}},
		{"open quote", `a="b c`, []string{"a=b c"}},
		{"empty", " \t\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := splitCmdline(c.in); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	o := ParseOptions(`BOOT_IMAGE=/live/vmlinuz console=tty0 hangkit.medium=0123456789abcdef hangkit.run="check" hangkit.wait=90 hangkit.after=reboot hangkit.keep-going`)
	if o.Medium != "0123456789abcdef" || o.Run != "check" || o.Wait != 90*time.Second || o.After != Reboot || !o.KeepGoing || o.Problems != nil {
		t.Errorf("got %+v", o)
	}
	if o := ParseOptions("loglevel=7 quietly"); o.Quiet {
		t.Error("the kernel is quiet though nobody said so")
	}
	if o := ParseOptions("quiet"); !o.Quiet || o.Wait != defaultWait || o.After != PowerOff || o.KeepGoing || o.Run != "" {
		t.Errorf("defaults: got %+v", o)
	}
	if o := ParseOptions("hangkit.wait=99999999999999999999"); o.Wait != defaultWait || len(o.Problems) != 1 {
		t.Errorf("a number that is too large: got %+v", o)
	}
	if o := ParseOptions("hangkit.wait=4000000000"); o.Wait != maxWait {
		t.Errorf("wait: got %v, want %v", o.Wait, maxWait)
	}
}

// TestOptionProblems: what is mistyped is told and not obeyed.
func TestOptionProblems(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"hangkit.after=halt", "hangkit.wait=-1", "hangkit.wait=1m", "hangkit.rum=check"} {
		o := ParseOptions(word)
		if len(o.Problems) != 1 || !strings.Contains(o.Problems[0].Error(), word) {
			t.Errorf("%s: problems %v", word, o.Problems)
		}
		if o.After != PowerOff || o.Wait != defaultWait || o.Run != "" {
			t.Errorf("%s: obeyed: %+v", word, o)
		}
	}
}

func FuzzParseOptions(f *testing.F) {
	f.Add(`a "b c" hangkit.run="x \" y" hangkit.wait=3`)
	f.Add(`hangkit.wait=1e9 hangkit.after= "`)
	f.Fuzz(func(t *testing.T, s string) {
		o := ParseOptions(s)
		if o.Wait < 0 || o.Wait > maxWait {
			t.Errorf("wait %v", o.Wait)
		}
		switch o.After {
		case PowerOff, Reboot, Menu:
		default:
			t.Errorf("after %q", o.After)
		}
	})
}
