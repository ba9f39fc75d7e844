package report

import (
	"bufio"
	_ "embed" // of the page and its style
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"size":    size,
	"usize":   thousands,
	"stamp":   stamp,
	"style":   func() template.CSS { return template.CSS(styleText) },
	"hex":     func(n uint64) string { return fmt.Sprintf("%#x", n) },
	"last":    func(f Frames) uint64 { return f.First + f.Count - 1 },
	"words":   func(g Grade) string { return g.String() },
	"class":   Grade.class,
	"sign":    Grade.sign,
	"outcome": outcome,
	"next":    func(i int) int { return i + 1 },
	"date":    func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
}).Parse(pageText))

// class and sign show a grade: the sign says it without colours.
func (g Grade) class() string {
	return [...]string{"unknown", "good", "gaps", "bad", "bad"}[g]
}

func (g Grade) sign() string {
	return [...]string{"?", "✓", "!", "✕", "✕"}[g]
}

// outcome is the class of a check's row.
func outcome(status string) string {
	if status == "ok" || status == "bad" {
		return status
	}
	return "unknown"
}

// How many of each are told. The manifest lists all.
const (
	maxDumps    = 100
	maxDetailed = 20 // dumps told in full: the best come first
	maxLeft     = 300
	maxLogs     = 1000
	maxSettings = 1000
)

// view is a report with what is drawn of it.
type view struct {
	*Report
	Story *timeline
	Views []*dumpView // of the dumps told in full

	MoreDumps, MoreLeft, MoreLogs, MoreSettings int // that are not told
}

type dumpView struct {
	*Dump
	ID            string
	MemoryPicture *picture
	MemoryKeys    []key
	MemoryWords   string
	PiecesPicture *picture
	PiecesKeys    []key
	PiecesWords   string
}

// HTML writes the page.
func HTML(w io.Writer, r *Report) error {
	buffered := bufio.NewWriter(w)
	if err := page.Execute(buffered, newView(r)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return buffered.Flush()
}

func newView(r *Report) *view {
	v, short := &view{}, *r
	short.Dumps, v.MoreDumps = cut(r.Dumps, maxDumps)
	short.Left, v.MoreLeft = cut(r.Left, maxLeft)
	short.Logs, v.MoreLogs = cut(r.Logs, maxLogs)
	short.Settings, v.MoreSettings = cut(r.Settings, maxSettings)
	v.Report = cleaned(&short)
	v.Story = newTimeline(v.Events)
	for i, d := range v.Dumps[:min(len(v.Dumps), maxDetailed)] {
		v.Views = append(v.Views, newDumpView(d, i+1))
	}
	return v
}

// cut keeps the first of a list and counts the others.
func cut[T any](list []T, most int) ([]T, int) {
	n := min(len(list), most)
	return list[:n], len(list) - n
}

// Detailed tells whether the n-th dump, from 0, is told in full.
func (v *view) Detailed(n int) bool { return n < len(v.Views) }

func newDumpView(d *Dump, number int) *dumpView {
	v := &dumpView{Dump: d, ID: fmt.Sprintf("dump-%d", number)}
	if m := d.Memory; m != nil {
		v.MemoryPicture, v.MemoryKeys, v.MemoryWords = m.picture(v.ID+"-memory"), m.legend(), m.words()
	}
	if p := d.Pieces; p != nil {
		v.PiecesPicture, v.PiecesKeys, v.PiecesWords = p.picture(v.ID+"-pieces"), p.legend(), p.words()
	}
	return v
}

// Symbol is the mark of an event in the list.
func (e entry) Symbol() *picture { return e.symbol() }
