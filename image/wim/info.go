package wim

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hangkit/image"
)

// Info is what the archive's XML says about an image.
type Info struct {
	Index       int    `xml:"INDEX,attr"`
	Name        string `xml:"NAME"`
	Description string `xml:"DESCRIPTION"`
	TotalBytes  string `xml:"TOTALBYTES"`

	Windows struct {
		Arch    string `xml:"ARCH"`
		Product string `xml:"PRODUCTNAME"`
		Edition string `xml:"EDITIONID"`
		Root    string `xml:"SYSTEMROOT"`
		Version struct {
			Major string `xml:"MAJOR"`
			Minor string `xml:"MINOR"`
			Build string `xml:"BUILD"`
			Patch string `xml:"SPBUILD"`
		} `xml:"VERSION"`
	} `xml:"WINDOWS"`
}

// Version is that of Windows as it names itself, 10.0.22621.1; empty if the XML has none.
func (i Info) Version() string {
	v := i.Windows.Version
	var parts []string
	for _, p := range []string{v.Major, v.Minor, v.Build, v.Patch} {
		if p == "" {
			break
		}
		parts = append(parts, p)
	}
	return strings.Join(parts, ".")
}

// Size is that of all files of the image, in bytes; 0 if the XML has none.
func (i Info) Size() int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(i.TotalBytes), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Info is what the XML says about an image by its number, nothing but the number where
// the XML does not know it.
func (a *Archive) Info(n int) Info {
	for _, i := range a.infos {
		if i.Index == n {
			return i
		}
	}
	return Info{Index: n}
}

// maxXML bounds the XML; that of an archive with ten images takes 30 KB.
const maxXML = 16 << 20

const byteOrderMark = "\ufeff"

// readInfo reads the XML. Nothing but names depends on it, so that damage there is only
// a warning; a part of the archive that is missing is more than that.
func (a *Archive) readInfo() error {
	if a.header.xml().absent() {
		return nil
	}
	b, err := a.readAll(a.header.xml(), "XML", maxXML)
	if errors.Is(err, image.ErrTruncated) {
		return err
	}
	if err == nil {
		a.xml = b
		var doc struct {
			Images []Info `xml:"IMAGE"`
		}
		err = xml.Unmarshal([]byte(strings.TrimPrefix(decodeUTF16(b), byteOrderMark)), &doc)
		a.infos = doc.Images
	}
	if err != nil {
		a.warnings = append(a.warnings, fmt.Sprintf("the XML that names the images cannot be read: %v", err))
	}
	if a.header.flags()&flagInProgress != 0 {
		a.warnings = append(a.warnings, ErrInProgress.Error()+": another program is at it, or was cut off")
	}
	return nil
}
