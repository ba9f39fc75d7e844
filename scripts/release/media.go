package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hangkit/image/live"
)

// medium is a live medium that was made.
type medium struct {
	*live.Lock
	arch, file string
}

// writeMedia has the program make its live media, of the Linux binaries of this release.
func (r *release) writeMedia(ctx context.Context) error {
	for _, arch := range live.Archs() {
		lock, err := live.LockFor(arch)
		if err != nil {
			return err
		}
		m := medium{Lock: lock, arch: arch, file: r.name("live-" + arch + ".iso")}
		name := filepath.Join(r.out, m.file)
		binary := filepath.Join(r.out, platform{"linux", arch}.binary())
		if _, err := output(ctx, r.root, r.host, "image", "live", "-o", name, "--arch", arch, "--binary", binary); err != nil {
			return err
		}
		if err := os.Chmod(name, plainMode); err != nil { // what the program makes is its owner's alone
			return err
		}
		if err := checkSize(name, maxISO); err != nil {
			return err
		}
		if err := r.writeSources(ctx, m); err != nil {
			return fmt.Errorf("sources of %s: %w", m.file, err)
		}
		r.media = append(r.media, m)
	}
	return nil
}

// sourcesHead begins the text that goes along with a medium: most of it is under the GNU
// General Public License, which asks that its source can be had.
const sourcesHead = `%s holds parts of Debian, as Debian built and signed them. Their licences
are in /usr/share/doc/PACKAGE/copyright of the packages. The complete source of each is kept
by Debian; of the signed parts that is the source they were built from, and the signatures.

`

// writeSources names the source of all that Debian gave to a medium.
func (r *release) writeSources(ctx context.Context, m medium) error {
	cache, err := live.CacheDir()
	if err != nil {
		return err
	}
	store := &live.Store{Dir: cache, Progress: func(int64, int64) {}}
	var sources []string
	var b strings.Builder
	fmt.Fprintf(&b, sourcesHead, m.file)
	b.WriteString("Packages:\n\n")
	for _, pkg := range m.Packages {
		c, err := controlOf(ctx, store, m.Lock, pkg)
		if err != nil {
			return fmt.Errorf("%s: %w", pkg.FileName(), err)
		}
		fmt.Fprintf(&b, "  %s %s\n    sha256 %s\n", pkg.Name, pkg.Version, pkg.SHA256)
		for _, s := range c.sources() {
			fmt.Fprintf(&b, "    source %s\n", s)
			sources = append(sources, s)
		}
	}
	b.WriteString("\nSources, each with all of its files:\n\n")
	slices.Sort(sources)
	for _, s := range slices.Compact(sources) {
		fmt.Fprintf(&b, "  https://snapshot.debian.org/package/%s/\n", strings.ReplaceAll(s, " ", "/"))
	}
	name := strings.TrimSuffix(m.file, ".iso") + "-sources.txt"
	return os.WriteFile(filepath.Join(r.out, name), []byte(b.String()), plainMode)
}

// debianPart is a package of Debian in the bill of materials.
func debianPart(pkg live.Package, arch, suite string) part {
	purl := fmt.Sprintf("pkg:deb/debian/%s@%s?arch=%s&distro=%s", pkg.Name, strings.NewReplacer("+", "%2B", ":", "%3A").Replace(pkg.Version), arch, suite)
	return part{
		Name: pkg.Name, ID: idOf("Debian", pkg.Name+"-"+arch), Version: pkg.Version, Location: noAssertion, Concluded: noAssertion, Declared: noAssertion,
		Copyright: noAssertion, Checksums: []checksum{{"SHA256", pkg.SHA256}}, Refs: []reference{{"PACKAGE-MANAGER", "purl", purl}},
		Purpose: "LIBRARY", Source: "Debian source package " + pkg.Source,
	}
}
