package offline

import (
	"fmt"
	"strings"

	"hangkit/collect/logs"
)

// dumpStackNotes are what the crash dump code wrote down about the last dump. The
// format of its log is not public: what is readable in it is shown.
func (k *collection) dumpStackNotes() []string {
	var notes []string
	for _, l := range k.logs {
		if l.File.Kind != logs.DumpStack {
			continue
		}
		name := l.File.Place.Label + ":" + l.File.Path
		switch lines, err := readLines(&l.File); {
		case err != nil:
			notes = append(notes, fmt.Sprintf("%s could not be read: %v.", name, err))
		case len(lines) > 0:
			notes = append(notes, fmt.Sprintf("%s says: %s", name, strings.Join(lines, " | ")))
		}
	}
	return notes
}

func readLines(f *logs.File) ([]string, error) {
	r, err := f.Place.Volume.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return logs.Lines(r)
}
