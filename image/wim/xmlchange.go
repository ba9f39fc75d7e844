package wim

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// edit replaces a piece of the XML.
type edit struct {
	from, to int64
	text     string
}

// changedXML is the XML behind a change of an image: its size and the time of its last
// change, and the size of the archive up to the XML. Nothing else in it changes, and an
// element that is missing or no number stays so. nil where there is no XML that can be
// read: then the header goes on naming the old one.
func (a *Archive) changedXML(n int, grown, total int64, now time.Time) []byte {
	if a.xml == nil || len(a.infos) == 0 {
		return nil
	}
	text := decodeUTF16(a.xml)
	if !bytes.Equal(encodeUTF16(text), a.xml) {
		return nil // no UTF-16 as it should be
	}
	body := strings.TrimPrefix(text, byteOrderMark)
	time := toFileTime(now)
	edits := findElements(body, func(path string, index int, old string) (string, bool) {
		switch {
		case path == "WIM/TOTALBYTES":
			return strconv.FormatInt(total, 10), true
		case index != n:
			return "", false
		case path == "WIM/IMAGE/TOTALBYTES":
			size, err := strconv.ParseInt(strings.TrimSpace(old), 10, 64)
			return strconv.FormatInt(size+grown, 10), err == nil && size+grown >= 0
		case path == "WIM/IMAGE/LASTMODIFICATIONTIME/HIGHPART":
			return fmt.Sprintf("0x%08X", time>>32), true
		case path == "WIM/IMAGE/LASTMODIFICATIONTIME/LOWPART":
			return fmt.Sprintf("0x%08X", uint32(time)), true
		}
		return "", false
	})
	for _, e := range slices.Backward(edits) {
		body = body[:e.from] + e.text + body[e.to:]
	}
	return encodeUTF16(byteOrderMark + body)
}

// findElements asks for the new text of each element that holds nothing but text, by its
// path and the number of the image it belongs to.
func findElements(doc string, change func(path string, index int, old string) (string, bool)) []edit {
	var edits []edit
	var open []string
	image, start := 0, int64(-1) // of the text of the innermost element, -1 if it is not plain
	d := xml.NewDecoder(bytes.NewReader([]byte(doc)))
	for {
		before := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			return edits
		}
		switch t := token.(type) {
		case xml.StartElement:
			open, start = append(open, t.Name.Local), d.InputOffset()
			if t.Name.Local == "IMAGE" {
				image = indexOf(t)
			}
		case xml.EndElement:
			if start >= 0 && !strings.HasSuffix(doc[:start], "/>") {
				if text, ok := change(strings.Join(open, "/"), image, doc[start:before]); ok {
					edits = append(edits, edit{start, before, text})
				}
			}
			open, start = open[:len(open)-1], -1
		}
	}
}

// indexOf is the number of an image in its XML.
func indexOf(image xml.StartElement) int {
	for _, a := range image.Attr {
		if a.Name.Local == "INDEX" {
			n, _ := strconv.Atoi(a.Value) // 0 is no image
			return n
		}
	}
	return 0
}
