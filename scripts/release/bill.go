package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// bill is a bill of materials in SPDX 2.3: what is released, and what is in it.
type bill struct {
	Version       string         `json:"spdxVersion"`
	DataLicence   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []part         `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  time.Time `json:"created"`
	Creators []string  `json:"creators"`
}

// part is a released file, or something that is in one; a "package" in SPDX's words.
type part struct {
	Name      string      `json:"name"`
	ID        string      `json:"SPDXID"`
	Version   string      `json:"versionInfo"`
	Location  string      `json:"downloadLocation"`
	Analyzed  bool        `json:"filesAnalyzed"`
	Concluded string      `json:"licenseConcluded"`
	Declared  string      `json:"licenseDeclared"`
	Copyright string      `json:"copyrightText"`
	Checksums []checksum  `json:"checksums,omitempty"`
	Refs      []reference `json:"externalRefs,omitempty"`
	Purpose   string      `json:"primaryPackagePurpose"`
	Source    string      `json:"sourceInfo,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

const (
	documentID  = "SPDXRef-DOCUMENT"
	noAssertion = "NOASSERTION"
	ownLicence  = "Apache-2.0"
)

// errBill says that the binaries hold something else than was taken down.
var errBill = errors.New("the binary and the list of its libraries differ")

func (r *release) writeBill(context.Context) error {
	b := &bill{
		Version: "SPDX-2.3", DataLicence: "CC0-1.0", ID: documentID, Name: "hangkit-" + r.version,
		Creation: creation{r.date, []string{"Tool: hangkit-release"}},
	}
	for _, l := range r.libraries {
		b.Packages = append(b.Packages, l.part())
	}
	for _, p := range r.platforms {
		if err := r.addBinary(b, p); err != nil {
			return err
		}
	}
	for _, m := range r.media {
		if err := r.addMedium(b, m); err != nil {
			return err
		}
	}
	text, err := b.text()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, b.Name+".spdx.json"), text, plainMode)
}

// text is the document. Its namespace, which must be its own, comes from the contents.
func (b *bill) text() ([]byte, error) {
	contents, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	b.Namespace = "https://spdx.org/spdxdocs/" + b.Name + "-" + uuid.NewSHA1(uuid.NameSpaceURL, contents).String()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(b)
	return out.Bytes(), err
}

func (b *bill) relate(from, kind, to string) {
	b.Relationships = append(b.Relationships, relationship{from, kind, to})
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// idOf makes an identifier of a name.
func idOf(kind, name string) string {
	return "SPDXRef-" + kind + "-" + notInID.ReplaceAllString(name, "-")
}

// released adds a file of the release.
func (r *release) released(b *bill, file, purpose, licence string) (id string, err error) {
	sum, err := digest(filepath.Join(r.out, file))
	id = idOf("File", file)
	b.Packages = append(b.Packages, part{
		Name: file, ID: id, Version: r.version, Location: noAssertion, Concluded: licence, Declared: licence,
		Copyright: noAssertion, Checksums: []checksum{{"SHA256", sum}}, Purpose: purpose, Source: r.sourceInfo(),
	})
	b.relate(documentID, "DESCRIBES", id)
	return id, err
}

func (r *release) sourceInfo() string {
	if r.revision == "" {
		return ""
	}
	return "git commit " + r.revision
}

func (l library) part() part {
	purl := fmt.Sprintf("pkg:golang/%s@%s", l.path, strings.TrimPrefix(l.version, "go"))
	return part{
		Name: l.path, ID: idOf("Go", l.path), Version: l.version, Location: noAssertion, Concluded: l.licence, Declared: l.licence,
		Copyright: noAssertion, Refs: []reference{{"PACKAGE-MANAGER", "purl", purl}}, Purpose: "LIBRARY",
	}
}

// addBinary adds a binary, and of the libraries those that the binary itself says it has.
func (r *release) addBinary(b *bill, p platform) error {
	id, err := r.released(b, p.binary(), "APPLICATION", ownLicence)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(filepath.Join(r.out, p.binary()))
	if err != nil {
		return err
	}
	inside := []string{goLibrary + " " + info.GoVersion}
	for _, m := range info.Deps {
		inside = append(inside, m.Path+" "+m.Version)
	}
	var known []string
	for _, l := range r.libraries {
		if _, ok := l.platforms[p.String()]; ok {
			known = append(known, l.path+" "+l.version)
			b.relate(id, "STATIC_LINK", l.part().ID)
		}
	}
	slices.Sort(inside)
	slices.Sort(known)
	if !slices.Equal(inside, known) {
		return fmt.Errorf("%s: %w: %q, %q", p.binary(), errBill, inside, known)
	}
	return nil
}

// addMedium adds a live medium, with the program and Debian's packages that it is made of.
func (r *release) addMedium(b *bill, m medium) error {
	id, err := r.released(b, m.file, "OPERATING_SYSTEM", noAssertion)
	if err != nil {
		return err
	}
	b.relate(id, "CONTAINS", idOf("File", platform{"linux", m.arch}.binary()))
	for _, pkg := range m.Packages {
		p := debianPart(pkg, m.arch, m.Suite)
		if !slices.ContainsFunc(b.Packages, func(other part) bool { return other.ID == p.ID }) {
			b.Packages = append(b.Packages, p)
		}
		b.relate(id, "CONTAINS", p.ID)
	}
	return nil
}
