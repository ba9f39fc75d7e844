package report_test

import (
	"bytes"
	"testing"

	"hangkit/collect/report"
)

func TestEmpty(t *testing.T) {
	t.Parallel()
	var page, text bytes.Buffer
	if err := report.HTML(&page, &report.Report{}); err != nil {
		t.Fatal(err)
	}
	if err := report.Text(&text, &report.Report{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page.Bytes(), []byte("No dump was taken.")) || !bytes.Contains(text.Bytes(), []byte("No dump was taken.")) {
		t.Error("an empty collection is not named")
	}
}
