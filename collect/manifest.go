package collect

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"time"

	"hangkit/collect/dumpfile"
)

// ManifestSchema names the form of the manifest.
const ManifestSchema = "hangkit/collect-manifest/2"

// ManifestName is the file name of a manifest.
const ManifestName = "manifest.json"

// Manifest lists what a collection found and took. Sizes are bytes, times are
// UTC, numbers that may pass 2^53 are hexadecimal text. It is never encrypted: where
// the rest of the collection is, it keeps to names, places, sizes, digests, states,
// times and verdicts, and leaves out what else stands in the memory or on the disk.
type Manifest struct {
	Schema  string    `json:"schema"`
	Tool    string    `json:"tool,omitempty"`
	Created time.Time `json:"created"` // when the collection was begun
	// Completed is when nothing was left for --resume; nil before that.
	Completed *time.Time `json:"completed,omitempty"`
	Computer  string     `json:"computer,omitempty"` // as its registry has it
	Target    string     `json:"target,omitempty"`   // as the user named it; empty for all disks
	What      string     `json:"what,omitempty"`     // was asked for
	// EncryptedTo are those who can read what is not the manifest.
	EncryptedTo []string `json:"encrypted_to,omitempty"`

	Volumes []ManifestVolume `json:"volumes,omitempty"`
	Dumps   []ManifestDump   `json:"dumps"`
	Logs    []ManifestFile   `json:"logs,omitempty"`  // copied from the disk
	Files   []ManifestFile   `json:"files,omitempty"` // written by the collection itself

	LogsLeft     []ManifestFile `json:"logs_left,omitempty"` // found and not wanted, or not readable
	MoreLogsLeft int            `json:"more_logs_left,omitempty"`

	// HangAnalysis are the WinDbg commands to begin with.
	HangAnalysis []string `json:"hang_analysis,omitempty"`
}

// ManifestVolume is a volume that was looked at.
type ManifestVolume struct {
	Name       string   `json:"name"` // by which the dumps and logs refer to it
	Disk       string   `json:"disk,omitempty"`
	Below      []string `json:"below,omitempty"` // images that the disk's image lies on, which were read too
	Partition  int      `json:"partition,omitempty"`
	Offset     *int64   `json:"offset,omitempty"` // on the disk, where that is known
	Size       int64    `json:"size,omitempty"`
	FileSystem string   `json:"file_system,omitempty"`
	Serial     string   `json:"serial,omitempty"`
}

// ManifestFile is a file of the bundle that is no dump.
type ManifestFile struct {
	Name     string     `json:"name,omitempty"` // slash path in the bundle; empty where the file could not be copied
	Volume   string     `json:"volume,omitempty"`
	Path     string     `json:"path,omitempty"` // on that volume
	Kind     string     `json:"kind,omitempty"`
	Size     int64      `json:"size"`
	Modified *time.Time `json:"modified,omitempty"`
	SHA256   string     `json:"sha256,omitempty"`

	// Of what was written, where that is encrypted.
	FileSize   int64  `json:"file_size,omitempty"`
	FileSHA256 string `json:"file_sha256,omitempty"`

	BadBytes int64  `json:"bad_bytes,omitempty"` // zeros for what could not be read
	Problem  string `json:"problem,omitempty"`
}

// NewManifestFile lists a file that was written into the bundle.
func NewManifestFile(f *BundleFile) ManifestFile {
	return ManifestFile{Name: f.Name, Size: f.Size, SHA256: f.SHA256, FileSize: f.FileSize, FileSHA256: f.FileSHA256, BadBytes: f.BadBytes}
}

// ManifestDump is one candidate and, when it was taken, its copy.
type ManifestDump struct {
	Volume      string           `json:"volume,omitempty"`
	Path        string           `json:"path"`
	Source      string           `json:"source"`
	State       string           `json:"state"`
	Why         string           `json:"why"`
	Stale       string           `json:"stale,omitempty"`
	DuplicateOf string           `json:"duplicate_of,omitempty"`
	Length      int64            `json:"length"`
	Have        int64            `json:"have"`
	FileSize    int64            `json:"file_size"`
	Modified    *time.Time       `json:"modified,omitempty"`
	Header      *ManifestHeader  `json:"header,omitempty"`
	Missing     *ManifestMissing `json:"missing,omitempty"`
	Problems    []string         `json:"problems,omitempty"`

	// Rebuilt says of each header field where it comes from, in a dump whose first page
	// was zeroed and made anew.
	Rebuilt []ManifestOrigin `json:"rebuilt,omitempty"`

	// Extents are where on the volume a dump that was wanted lies: what was read of a
	// page file beneath the file system. Empty where that is not known, or where the
	// file system keeps the bytes in another form.
	Extents     []Extent `json:"extents,omitempty"`
	MoreExtents int      `json:"more_extents,omitempty"`

	Copy *ManifestCopy `json:"copy,omitempty"`
	// Failed is why there is no copy of a dump that was wanted.
	Failed string `json:"failed,omitempty"`
}

// ManifestHeader is what the dump's header says; fields never written are
// left out.
type ManifestHeader struct {
	Bits          int        `json:"bits"`
	Type          uint32     `json:"type"`
	TypeName      string     `json:"type_name"`
	Machine       string     `json:"machine,omitempty"`
	Build         uint32     `json:"build,omitempty"`
	BugCheck      string     `json:"bugcheck,omitempty"`
	BugCheckName  string     `json:"bugcheck_name,omitempty"`
	Parameters    []string   `json:"bugcheck_parameters,omitempty"`
	SystemTime    *time.Time `json:"system_time,omitempty"`
	UptimeSeconds *float64   `json:"uptime_seconds,omitempty"`
	BootID        *uint32    `json:"boot_id,omitempty"`
	Attributes    *uint32    `json:"attributes,omitempty"`
}

// ManifestOrigin is a rebuilt header field, and from where its value was taken.
type ManifestOrigin struct {
	Field string `json:"field"`
	From  string `json:"from"`
}

// ManifestMissing is what a partial dump lacks.
type ManifestMissing struct {
	Bytes      int64         `json:"bytes"`
	Pages      uint64        `json:"pages,omitempty"`
	Ranges     []ManifestRun `json:"pfn_ranges,omitempty"`
	MoreRanges uint64        `json:"more_ranges,omitempty"`
	What       string        `json:"what"`
}

// ManifestRun is a range of page frame numbers.
type ManifestRun struct {
	First uint64 `json:"first"`
	Count uint64 `json:"count"`
}

// ManifestCopy is the file that was written.
type ManifestCopy struct {
	Name      string  `json:"name"` // slash path in the bundle
	Size      int64   `json:"size"`
	SHA256    string  `json:"sha256,omitempty"`
	Partial   bool    `json:"partial"`
	BadBytes  int64   `json:"bad_bytes,omitempty"`
	BadRanges []Range `json:"bad_ranges,omitempty"` // the first of them
	Map       string  `json:"map,omitempty"`        // the mapfile with all of them

	// Of what was written, where that is not the dump as it is.
	FileSize   int64    `json:"file_size,omitempty"`
	FileSHA256 string   `json:"file_sha256,omitempty"`
	Parts      int      `json:"parts,omitempty"`
	Compressed string   `json:"compressed,omitempty"`
	Recipients []string `json:"encrypted_to,omitempty"`

	Verdict string   `json:"verdict,omitempty"` // of the verification, where there was one
	Reasons []string `json:"verdict_reasons,omitempty"`
}

// NewManifest begins a manifest. now is when the collection was made, to are those it
// is encrypted to.
func NewManifest(tool string, now time.Time, to []Recipient) *Manifest {
	return &Manifest{
		Schema: ManifestSchema, Tool: tool, Created: now.UTC().Truncate(time.Second),
		EncryptedTo: recipientNames(to), Dumps: []ManifestDump{}, HangAnalysis: HangCommands(),
	}
}

// Add lists a candidate. res is nil when it was not taken; failed is why, if it was
// wanted.
func (m *Manifest) Add(c *Candidate, res *Result, failed error) {
	d := ManifestDump{
		Volume: c.Place.Label, Path: c.Path, Source: c.Source.String(),
		State: c.State.String(), Why: c.Why, Stale: c.Stale,
		Length: c.Length, Have: c.Have, FileSize: c.FileSize, Modified: ManifestTime(c.Modified),
		Header: manifestHeader(c.Header), Missing: manifestMissing(c.Missing),
	}
	if c.DuplicateOf != nil {
		d.DuplicateOf = c.DuplicateOf.Name()
	}
	for _, p := range c.Problems {
		d.Problems = append(d.Problems, p.Error())
	}
	if c.Rebuilt != nil {
		for _, o := range c.Rebuilt.Origins {
			d.Rebuilt = append(d.Rebuilt, ManifestOrigin(o))
		}
	}
	if res != nil || failed != nil {
		d.addExtents(c)
	}
	if res != nil {
		d.Copy = manifestCopy(res)
	}
	if failed != nil {
		d.Failed = failed.Error()
	}
	if len(m.EncryptedTo) > 0 {
		d.seal()
	}
	m.Dumps = append(m.Dumps, d)
}

// lastYear is the last that RFC 3339 can say, and with it JSON.
const lastYear = 9999

// ManifestTime is a time as JSON has it, or nil where there is none or JSON cannot say
// it: one wrong bit in the time of one file must not cost the manifest.
func ManifestTime(t time.Time) *time.Time {
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > lastYear {
		return nil
	}
	return &t
}

// seal leaves out what was read from the memory in the dump: its time and its bug check
// stay, for they are in the copy's name.
func (d *ManifestDump) seal() {
	if d.Header != nil {
		d.Header.Parameters = nil
	}
	if d.Copy != nil {
		d.Copy.Reasons = nil
	}
}

// maxManifestRanges is how many bad ranges a manifest lists.
const maxManifestRanges = 1000

func manifestCopy(res *Result) *ManifestCopy {
	c := &ManifestCopy{
		Name: inDumps(res.Name), Size: res.Size, SHA256: res.SHA256,
		Partial: res.Partial, BadBytes: res.BadBytes, Map: inDumps(res.Map), FileSHA256: res.FileSHA256, Parts: res.Parts, Recipients: res.Recipients,
		BadRanges: res.BadRanges[:min(len(res.BadRanges), maxManifestRanges)],
	}
	if res.Compressed {
		c.Compressed = "zstd, seekable"
	}
	if res.FileSHA256 != "" || res.FileSize != res.Size {
		c.FileSize = res.FileSize
	}
	if res.Verified != nil {
		c.Verdict, c.Reasons = res.Verified.Verdict.String(), res.Verified.Reasons
	}
	return c
}

// inDumps is the path of a file in a bundle that Extract wrote.
func inDumps(name string) string {
	if name == "" {
		return ""
	}
	return path.Join(DumpsFolder, name)
}

func manifestHeader(h *dumpfile.Header) *ManifestHeader {
	if h == nil {
		return nil
	}
	out := &ManifestHeader{
		Bits: h.Bits, Type: uint32(h.Type), TypeName: h.Type.String(),
		Build:      h.MinorVersion.Value,
		SystemTime: ManifestTime(h.SystemTime.Value), BootID: pointer(h.BootID),
	}
	if h.Machine.Known {
		out.Machine = h.Machine.Value.String()
	}
	if up := h.SystemUpTime; up.Known {
		s := up.Value.Seconds()
		out.UptimeSeconds = &s
	}
	if a := h.Attributes; a.Known {
		v := uint32(a.Value)
		out.Attributes = &v
	}
	if code := h.BugCheck.Code; code.Known {
		out.BugCheck, out.BugCheckName = hexText(uint64(code.Value)), dumpfile.BugCheckName(code.Value)
		for _, p := range h.BugCheck.Parameters {
			out.Parameters = append(out.Parameters, hexText(p.Value))
		}
	}
	return out
}

func manifestMissing(m dumpfile.Missing) *ManifestMissing {
	if m.Bytes == 0 {
		return nil
	}
	out := &ManifestMissing{Bytes: m.Bytes, Pages: m.Pages, MoreRanges: m.More, What: m.Words()}
	for _, r := range m.Ranges {
		out.Ranges = append(out.Ranges, ManifestRun{r.Base, r.Count})
	}
	return out
}

func pointer[T any](f dumpfile.Field[T]) *T {
	if !f.Known {
		return nil
	}
	return &f.Value
}

func hexText(v uint64) string { return fmt.Sprintf("0x%X", v) }

// maxManifest is longer than any manifest, in bytes.
const maxManifest = 256 << 20

// ReadManifest reads a manifest that a bundle holds.
func ReadManifest(name string) (*Manifest, error) {
	root, err := openFolder(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := openRegular(root, filepath.Base(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, err
	}
	m := new(Manifest)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", name, err)
	}
	if m.Schema != ManifestSchema {
		return nil, fmt.Errorf("manifest %s: schema %q: %w", name, m.Schema, errors.ErrUnsupported)
	}
	return m, nil
}
