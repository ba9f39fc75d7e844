package report_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hangkit/collect/report"
)

// browser is headless Chromium without a network.
type browser struct{ program, dir string }

// newBrowser finds Chromium. It takes seconds for a page, so it judges only where
// oracles are asked for.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	if os.Getenv("HANGKIT_REQUIRE_ORACLES") != "1" {
		t.Skip("HANGKIT_REQUIRE_ORACLES is not set")
	}
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	return &browser{program, t.TempDir()}
}

// run opens a page and returns what the browser prints.
func (b *browser) run(t *testing.T, page string, flags ...string) string {
	t.Helper()
	const patience = 2 * time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	args := append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + filepath.Join(b.dir, "profile"),
	}, flags...)
	cmd := exec.CommandContext(ctx, b.program, append(args, (&url.URL{Scheme: "file", Path: page}).String())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	return out.String()
}

func (b *browser) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// screenshot draws a page in a window of the given size.
func (b *browser) screenshot(t *testing.T, page, name, size string, flags ...string) image.Image {
	t.Helper()
	path := filepath.Join(b.dir, name)
	b.run(t, page, append(flags, "--window-size="+size, "--screenshot="+path)...)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

const dark = "--blink-settings=preferredColorScheme=0"

// TestOracleBrowser shows the sample to a browser that people use: names are text and
// run nothing, and there is something to see in light and dark, on a narrow screen and
// on paper.
func TestOracleBrowser(t *testing.T) {
	t.Parallel()
	b := newBrowser(t)
	if dom := b.run(t, b.write(t, "control.html", "<title>safe</title><p>"+hostile), "--dump-dom"); !strings.Contains(dom, "<title>pwned</title>") {
		t.Fatalf("this browser runs no scripts, so it proves nothing: %s", dom)
	}
	r, _ := sampleReport(t)
	r.Computer = hostile
	for _, d := range r.Dumps {
		d.Modules.Foreign = append(d.Modules.Foreign, report.Module{Name: hostile, Path: `\` + hostile})
	}
	text, _ := render(t, r)
	page := b.write(t, "report.html", text)
	checkDOM(t, b.run(t, page, "--dump-dom"))

	light := b.screenshot(t, page, "light.png", "1100,1400")
	checkPicture(t, light, 1100, 1400)
	night := b.screenshot(t, page, "dark.png", "1100,1400", dark)
	checkPicture(t, night, 1100, 1400)
	if brightness(light.At(2, 2)) < 0xE000 || brightness(night.At(2, 2)) > 0x3000 {
		t.Errorf("the paper is %v by day and %v by night", light.At(2, 2), night.At(2, 2))
	}
	narrow := b.screenshot(t, page, "narrow.png", "500,6000")
	checkPicture(t, narrow, 500, 6000)
	checkMargin(t, narrow)
	checkPDF(t, b, page)
}

// checkDOM looks at what the browser made of the page.
func checkDOM(t *testing.T, dom string) {
	t.Helper()
	if strings.Contains(dom, "<title>pwned") || strings.Contains(dom, "<script") {
		t.Error("a name from the disk ran")
	}
	if n := strings.Count(dom, "&lt;script&gt;document.title='pwned'&lt;/script&gt;"); n < 4 {
		t.Errorf("the hostile name is shown %d times", n)
	}
}

func brightness(c color.Color) uint32 {
	r, g, b, _ := c.RGBA()
	return (r + g + b) / 3
}

// checkPicture looks for something to see.
func checkPicture(t *testing.T, img image.Image, w, h int) {
	t.Helper()
	if got := img.Bounds().Size(); got != image.Pt(w, h) {
		t.Errorf("%v instead of %d×%d", got, w, h)
	}
	const least = 50
	seen := map[color.Color]bool{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			seen[img.At(x, y)] = true
		}
	}
	if len(seen) < least {
		t.Errorf("there are %d colours to see", len(seen))
	}
}

// checkMargin looks for what sticks out on the right.
func checkMargin(t *testing.T, img image.Image) {
	t.Helper()
	const margin = 6
	paper, right := img.At(1, 1), img.Bounds().Dx()
	for y := range img.Bounds().Dy() {
		for x := right - margin; x < right; x++ {
			if img.At(x, y) != paper {
				t.Fatalf("the page is wider than the screen: %v at %d, %d", img.At(x, y), x, y)
			}
		}
	}
}

// checkPDF prints the page.
func checkPDF(t *testing.T, b *browser, page string) {
	t.Helper()
	path := filepath.Join(b.dir, "report.pdf")
	b.run(t, page, "--no-pdf-header-footer", "--print-to-pdf="+path)
	pdf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const least = 4 // the summary, and a page for each of three dumps
	pages := bytes.Count(pdf, []byte("/Type /Page\n"))
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < least {
		t.Errorf("%d bytes, %d pages on paper", len(pdf), pages)
	}
}
