package offline

import (
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"hangkit/image/wim"
	"hangkit/offline/windows/sample"
)

// cmdMkwim makes an install archive whose images hold the same Windows, and one more that
// holds none: mkwim file images. With pe for their number it is one of Windows PE.
func cmdMkwim(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkwim file images")
	}
	o, count := sample.Server(), 1
	if args[1] == "pe" {
		o = sample.Client()
		o.Edition, o.DumpType, o.PageFiles = "WindowsPE", 0, nil
	} else {
		var err error
		count, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	data, err := sampleArchive(o, count)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o640))
}

func sampleArchive(o sample.Options, count int) ([]byte, error) {
	files, err := sampleRegistry(o)
	if err != nil {
		return nil, err
	}
	var images []wim.NewImage
	for n := range count {
		entries := []wim.Entry{{Path: "Windows/explorer.exe", Data: []byte("MZ")}}
		for name, data := range files {
			entries = append(entries, wim.Entry{Path: "Windows/System32/config/" + name, Data: data, Modified: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)})
		}
		images = append(images, wim.NewImage{Name: "Server " + strconv.Itoa(n+1), Windows: "10.0.20348.1", Entries: entries})
	}
	images = append(images, wim.NewImage{Name: "Data", Entries: []wim.Entry{{Path: "readme.txt", Data: []byte("no Windows")}}})
	return wim.Create(images, wim.CreateOptions{Integrity: true})
}
