package crashconfig

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every rule has a story and no story lacks its rule; a story names the verdicts that the rule comes to in the tests, and
// no others.
func TestStories(t *testing.T) {
	t.Parallel()
	verdicts := map[string][]Verdict{}
	for _, tt := range ruleCases {
		if !slices.Contains(verdicts[tt.id], tt.verdict) {
			verdicts[tt.id] = append(verdicts[tt.id], tt.verdict)
		}
	}
	var told []string
	for _, s := range stories() {
		if slices.Contains(told, s.id) {
			t.Errorf("two stories of %s", s.id)
		}
		told = append(told, s.id)
		if GroupOf(s.id) == "" {
			t.Errorf("the story of %s lacks its rule", s.id)
		}
		slices.Sort(verdicts[s.id])
		if !slices.Equal(verdicts[s.id], s.verdicts) {
			t.Errorf("%s: the story names %v, the tests show %v", s.id, s.verdicts, verdicts[s.id])
		}
	}
	for _, id := range RuleIDs() {
		if _, ok := Explain(id); !ok {
			t.Errorf("%s has no story", id)
		}
	}
}

var fullStop = regexp.MustCompile(`[.?](\s|$)`)

// Stories are two to six sentences, and end like sentences.
func TestStoriesRead(t *testing.T) {
	t.Parallel()
	for _, s := range stories() {
		n := len(fullStop.FindAllString(s.text, -1))
		if n < 2 || n > 6 || !strings.HasSuffix(s.text, ".") || len(s.sources) == 0 || s.subject == "" {
			t.Errorf("%s: %d sentences, %d sources: %s", s.id, n, len(s.sources), s.text)
		}
		if s.contested != "" && !strings.HasSuffix(s.contested, ".") {
			t.Errorf("%s: %s", s.id, s.contested)
		}
		for _, text := range append(slices.Clone(s.sources), s.text, s.contested, s.fix, s.subject) {
			if strings.Contains(text, "/work/") || strings.Contains(text, "section ") {
				t.Errorf("%s names what the reader does not have: %s", s.id, text)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	s, ok := Explain(" c27 ")
	if !ok || s.ID != "C27" || s.Group != PageFile || !strings.Contains(s.Contested, "300") {
		t.Errorf("Explain = %+v, %v", s, ok)
	}
	want := []string{`SYSTEM, Control\CrashControl, IgnorePagefileSize`, `SYSTEM, Control\CrashControl, CrashDumpEnabled`,
		`SYSTEM, Control\Session Manager\Memory Management, PagingFiles`, "memory of the machine, bytes"}
	if !slices.Equal(s.Reads, want) {
		t.Errorf("reads %q, want %q", s.Reads, want)
	}
	for _, id := range []string{"", "C99", "all", "C1"} {
		if _, ok := Explain(id); ok {
			t.Errorf("%q has a story", id)
		}
	}
}

// What a rule reads has a name without any machine, and a value with its source on a machine that has it.
func TestReadings(t *testing.T) {
	t.Parallel()
	for _, id := range RuleIDs() {
		for _, r := range Readings(id, ready()) {
			if r.What == "" || r.Known && (r.Value == "" || r.Source == "") {
				t.Errorf("%s: %+v", id, r)
			}
		}
		s, _ := Explain(id)
		if slices.Contains(s.Reads, "") {
			t.Errorf("%s reads something without a name", id)
		}
	}
	got := Readings("C01", ready())
	if len(got) != 2 || got[0].Value != "7" || got[1].Value != "absent" || got[0].Source != `SYSTEM\ControlSet001\Control\CrashControl` {
		t.Errorf("C01 reads %+v", got)
	}
}
