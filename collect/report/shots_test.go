package report_test

import (
	"bytes"
	"os"
	"testing"

	"hangkit/collect/report"
)

// TestShow writes the sample for looking at it.
func TestShow(t *testing.T) {
	dir := os.Getenv("SHOW")
	if dir == "" {
		t.Skip()
	}
	var page, text bytes.Buffer
	r := sampleReport(t)
	if err := report.HTML(&page, r); err != nil {
		t.Fatal(err)
	}
	if err := report.Text(&text, r); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(dir+"/report.html", page.Bytes(), 0o600)
	os.WriteFile(dir+"/report.txt", text.Bytes(), 0o600)
}
