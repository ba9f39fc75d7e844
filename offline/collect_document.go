package offline

import (
	"fmt"

	"hangkit/collect"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

type collectDocument struct {
	Schema   string          `json:"schema"`
	Target   string          `json:"target"`
	Output   string          `json:"output"`
	What     string          `json:"what"`
	Bundle   string          `json:"bundle,omitempty"`
	Manifest string          `json:"manifest,omitempty"`
	Complete bool            `json:"complete"` // nothing is left for --resume
	Dumps    []collectedJSON `json:"dumps"`
	Logs     []collectedFile `json:"logs,omitempty"`
	Files    []collectedFile `json:"files,omitempty"` // the collection's own
	Left     []dumpJSON      `json:"left,omitempty"`
	LogsLeft []collectedFile `json:"logs_left,omitempty"`

	// What -n tells of the folder that -o names.
	Folder     string   `json:"folder,omitempty"`
	Free       *int64   `json:"free,omitempty"`
	Unfinished []string `json:"unfinished,omitempty"` // what --resume would go on with
}

type collectedJSON struct {
	dumpJSON
	File     string   `json:"file,omitempty"`
	Size     int64    `json:"size,omitempty"`
	SHA256   string   `json:"sha256,omitempty"`
	FileSize int64    `json:"file_size,omitempty"`
	Parts    int      `json:"parts,omitempty"`
	BadBytes int64    `json:"bad_bytes,omitempty"`
	Map      string   `json:"map,omitempty"`
	Partial  bool     `json:"partial"`
	Verdict  string   `json:"verdict,omitempty"`
	Problems []string `json:"problems,omitempty"`
	Failed   string   `json:"failed,omitempty"`
}

// collectedFile is a file beside the dumps.
type collectedFile struct {
	Path     string `json:"path,omitempty"` // on the disk
	Kind     string `json:"kind,omitempty"`
	File     string `json:"file,omitempty"`
	Size     int64  `json:"size"`
	BadBytes int64  `json:"bad_bytes,omitempty"`
	Problem  string `json:"problem,omitempty"`
}

// document is the collection as it is now, before or after the copying.
func (k *collection) document() *collectDocument {
	doc := &collectDocument{Schema: "hangkit/collect/1", Target: k.target, Output: k.output, What: k.what, Complete: k.completed != nil, Dumps: []collectedJSON{}}
	for _, d := range k.dumps {
		doc.Dumps = append(doc.Dumps, describeTaken(&d))
	}
	for _, l := range k.logs {
		doc.Logs = append(doc.Logs, k.describeLog(&l))
	}
	for _, l := range k.logsLeft {
		doc.LogsLeft = append(doc.LogsLeft, describeLogLeft(&l))
	}
	for _, f := range k.files {
		doc.Files = append(doc.Files, collectedFile{File: k.path(f.Name), Size: f.Size})
	}
	for _, l := range k.left {
		doc.Left = append(doc.Left, describeCandidate(l))
	}
	return doc
}

func describeTaken(d *takenDump) collectedJSON {
	j := collectedJSON{dumpJSON: describeCandidate(d.Candidate), Size: d.Candidate.Have, Partial: d.Candidate.State == collect.StatePartial}
	if r := d.Result; r != nil {
		j.File, j.Size, j.SHA256, j.Parts = r.Path, r.Size, r.SHA256, r.Parts
		j.BadBytes, j.Map, j.Partial = r.BadBytes, r.Map, r.Partial
		if r.FileSize != r.Size {
			j.FileSize = r.FileSize
		}
	}
	if d.Report != nil {
		j.Verdict, j.Problems = d.Report.Verdict.String(), d.Report.Reasons
	}
	if d.Failed != nil {
		j.Failed = d.Failed.Error()
	}
	return j
}

// place tells of the folder that everything is to go to, as far as it tells of itself.
func (d *collectDocument) place(k *collection) {
	if d.Folder = k.output; d.Folder == "" {
		return
	}
	if free, err := target.FreeSpace(existingFolder(d.Folder)); err == nil {
		d.Free = &free
	}
	left, err := collect.UnfinishedBundles(d.Folder, k.id())
	if err != nil {
		return
	}
	for _, l := range left {
		d.Unfinished = append(d.Unfinished, l.Dir)
	}
}

// preview says what would be collected, with sizes.
func (k *collection) preview(talk *ui.UI) error {
	doc := k.document()
	doc.place(k)
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, d := range doc.Dumps {
		talk.Printf("would collect %s: %s (%s)\n", printable(d.Path), printable(d.Story), ui.FormatSize(d.Size))
	}
	for _, l := range doc.Logs {
		talk.Printf("would collect %s: %s (%s)\n", printable(l.Path), l.Kind, ui.FormatSize(l.Size))
	}
	printLeft(talk, doc)
	k.printLogsLeft(talk)
	talk.Printf("in all: %s%s\n", k.sizes(), doc.freeWords())
	return nil
}

func (d *collectDocument) freeWords() string {
	if d.Free == nil {
		return ""
	}
	return "; " + ui.FormatSize(*d.Free) + " free in " + d.Folder
}

// show tells what came out.
func (k *collection) show(talk *ui.UI) error {
	doc := k.document()
	doc.Bundle, doc.Manifest = k.bundle.Dir, k.manifest
	if talk.JSON {
		return talk.Document(doc)
	}
	for _, d := range doc.Dumps {
		if d.File != "" {
			showDump(talk, &d)
		}
	}
	if n, size := k.copiedLogs(); n > 0 {
		talk.Printf("%s  %s, %s\n", k.path(collect.LogsFolder), counted(n, "file"), ui.FormatSize(size))
	}
	for _, l := range doc.Logs {
		if l.BadBytes > 0 {
			talk.Printf("  %s of %s could not be read and are zeros\n", ui.FormatSize(l.BadBytes), printable(l.Path))
		}
	}
	for _, f := range doc.Files {
		talk.Printf("%s  %s\n", f.File, ui.FormatSize(f.Size))
	}
	printLeft(talk, doc)
	k.printLogsLeft(talk)
	if k.manifest != "" {
		talk.Printf("%s  says what was taken, from where, and the commands to start the analysis with\n", k.manifest)
	}
	talk.Talkf("The disk was only read; nothing was changed.\n")
	return nil
}

func showDump(talk *ui.UI, d *collectedJSON) {
	talk.Printf("%s  %s%s%s\n", d.File, ui.FormatSize(d.Size), formWords(d), verdictWords(d))
	if d.SHA256 != "" {
		talk.Printf("  sha256 %s\n", d.SHA256)
	}
	if d.BadBytes > 0 {
		talk.Printf("  %s could not be read and are zeros: %s lists them\n", ui.FormatSize(d.BadBytes), d.Map)
	}
	for _, p := range d.Problems {
		talk.Printf("  %s\n", printable(p))
	}
}

// formWords says what became of the dump on its way.
func formWords(d *collectedJSON) string {
	words := ""
	if d.FileSize > 0 {
		words = " in " + ui.FormatSize(d.FileSize)
	}
	if d.Parts > 0 {
		words += fmt.Sprintf(", %d parts", d.Parts)
	}
	return words
}

func verdictWords(d *collectedJSON) string {
	if d.Verdict == "" {
		return ""
	}
	return ", verified: " + d.Verdict
}

func printLeft(talk *ui.UI, doc *collectDocument) {
	for _, l := range doc.Left {
		talk.Printf("left alone: %s: %s\n", printable(l.Path), printable(l.Story))
	}
}

// counted is a number of things, in words.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
