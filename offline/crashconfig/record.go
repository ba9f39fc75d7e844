package crashconfig

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"hangkit/hive"
	"hangkit/offline/windows"
)

// RecordSchema names the form of an undo record.
const RecordSchema = "hangkit/undo-record/1"

// Where records lie in the SYSTEM hive: one sub-key per arm below a key at the root.
const (
	recordRoot   = "hangkit"
	recordLatest = "Latest" // REG_SZ of the root: name of the newest sub-key
	recordValue  = "Record" // REG_BINARY of a sub-key: the record as JSON
	recordHint   = "Hint"   // REG_SZ of a sub-key, for whoever finds it with regedit
)

// maxRecord bounds a record that is read: an arm makes some dozen changes, three control sets of them.
const maxRecord = 1 << 20

// Errors of records.
var (
	ErrRecord      = errors.New("unusable undo record")
	ErrNoRecord    = errors.New("no undo record")
	ErrOtherTarget = errors.New("the undo record belongs to another installation")
	ErrChanged     = errors.New("the registry changed since the plan was made")
)

// Record is what [PlanUndo] needs to put everything back: kept as a file and in the hive itself.
type Record struct {
	Schema     string           `json:"schema"`
	ID         string           `json:"id"` // sub-key below hangkit, made from the time
	Tool       string           `json:"tool"`
	Time       time.Time        `json:"time"`
	Machine    string           `json:"machine"`
	Product    string           `json:"product"`
	Serial     string           `json:"volume_serial,omitempty"` // hex
	System     string           `json:"system_path,omitempty"`   // empty for a bare hive
	ControlSet string           `json:"control_set"`
	Changes    []RecordedChange `json:"changes"`
	Created    []string         `json:"created_keys,omitempty"` // parents first
	Boot       *BootRecord      `json:"boot,omitempty"`
}

// RecordedChange is one value before and after; null stands for an absent one.
type RecordedChange struct {
	Key  string         `json:"key"`
	Name string         `json:"name"`
	Old  *RecordedValue `json:"old"`
	New  *RecordedValue `json:"new"`
}

// RecordedValue is a value's type, by its number, and its data.
type RecordedValue struct {
	Type uint32   `json:"type"`
	Data HexBytes `json:"data"`
}

// HexBytes are bytes that JSON shows in hex.
type HexBytes []byte

// MarshalText writes lower-case hex.
func (b HexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText reads hex.
func (b *HexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.AppendDecode(nil, text)
	return err
}

func recorded(v *hive.Value) *RecordedValue {
	if v == nil {
		return nil
	}
	return &RecordedValue{Type: uint32(v.Type), Data: slices.Clone(v.Data)}
}

func (v *RecordedValue) value(name string) *hive.Value {
	if v == nil {
		return nil
	}
	return &hive.Value{Name: name, Type: hive.Type(v.Type), Data: slices.Clone([]byte(v.Data))}
}

// NewRecord begins the record of an arm; [Plan.Apply] fills it in.
func NewRecord(f *windows.Facts, tool string, now time.Time) *Record {
	return &Record{
		Schema: RecordSchema, Tool: tool, Time: now.UTC().Truncate(time.Second), ID: now.UTC().Format(idTime),
		Machine: f.Name.Value, Product: f.Version.String(), Serial: serialText(f), System: systemPath(f), ControlSet: f.ControlSet.Name,
	}
}

// serialText is the volume's serial number in hex, empty if unknown.
func serialText(f *windows.Facts) string {
	if f.Volume.Serial == 0 {
		return ""
	}
	return strconv.FormatUint(f.Volume.Serial, 16)
}

// systemPath is where the SYSTEM hive lies in its volume, empty for a bare hive: its file may be called anything.
func systemPath(f *windows.Facts) string {
	if !f.HasVolume {
		return ""
	}
	return f.SystemPath
}

// MarshalIndent writes the record as the file beside the output has it.
func (r *Record) MarshalIndent() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// ParseRecord reads a record from JSON and checks that it makes sense.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > maxRecord {
		return nil, fmt.Errorf("%w: %d bytes long", ErrRecord, len(b))
	}
	var r Record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return &r, r.check()
}

func (r *Record) check() error {
	if r.Schema != RecordSchema {
		return fmt.Errorf("%w: schema %q, want %q", ErrRecord, r.Schema, RecordSchema)
	}
	if r.ID == "" || strings.ContainsFunc(r.ID, notInID) {
		return fmt.Errorf("%w: id %q", ErrRecord, r.ID)
	}
	for _, c := range r.Changes {
		if !plainKey(c.Key) {
			return fmt.Errorf("%w: key %q", ErrRecord, c.Key)
		}
	}
	for _, key := range r.Created {
		if !plainKey(key) {
			return fmt.Errorf("%w: created key %q", ErrRecord, key)
		}
	}
	return r.Boot.check()
}

// notInID tells what an id does not consist of: it names a key, and is printed.
func notInID(r rune) bool {
	const inID = "0123456789-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return !strings.ContainsRune(inID, r)
}

// plainKey accepts a path without empty parts: "" would be the root of the hive.
func plainKey(key string) bool {
	for part := range strings.SplitSeq(key, `\`) {
		if part == "" || strings.ContainsAny(part, "/\x00") {
			return false
		}
	}
	return true
}

// Records returns the records stored in a hive, newest first. Sub-keys that hold none are passed over.
func Records(h *hive.Hive) ([]*Record, error) {
	root, err := h.Key(recordRoot)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read stored undo records: %w", err)
	}
	var list []*Record
	for k, err := range root.Subkeys() {
		if err != nil {
			return list, fmt.Errorf("read stored undo records: %w", err)
		}
		v, err := k.Value(recordValue)
		if err != nil {
			continue
		}
		if r, err := ParseRecord(v.Data); err == nil && strings.EqualFold(r.ID, k.Name()) {
			list = append(list, r)
		}
	}
	slices.SortFunc(list, func(a, b *Record) int { return compareIDs(b.ID, a.ID) })
	return list, nil
}

// compareIDs orders ids by time: a suffixed id is newer than the plain one of the same second.
func compareIDs(a, b string) int {
	if len(a) != len(b) && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// LoadRecord returns the newest record stored in a hive, [ErrNoRecord] if there is none.
func LoadRecord(h *hive.Hive) (*Record, error) {
	list, err := Records(h)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, ErrNoRecord
	}
	return list[0], nil
}

// fill notes what a plan does.
func (r *Record) fill(changes []Change, created []string) {
	r.Changes, r.Created = recordedChanges(changes), created
}

func recordedChanges(changes []Change) []RecordedChange {
	var list []RecordedChange
	for _, c := range changes {
		list = append(list, RecordedChange{Key: c.Key, Name: c.Name, Old: recorded(c.Old), New: recorded(c.New)})
	}
	return list
}

// store puts the record into the hive. A hive without room for it is left as it was, and stored is false.
func (r *Record) store(h *hive.Hive) (stored bool, err error) {
	r.ID = freeID(h, laterID(h, r.ID))
	if err = r.write(h); err == nil {
		return true, nil
	}
	if !errors.Is(err, hive.ErrNoRoom) {
		return false, fmt.Errorf("store the undo record: %w", err)
	}
	if err := forget(h, r.ID); err != nil {
		return false, fmt.Errorf("clean up behind the undo record, for which there is no room: %w", err)
	}
	return false, nil
}

func (r *Record) write(h *hive.Hive) error {
	key := recordRoot + `\` + r.ID
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	for _, v := range []struct {
		key string
		val hive.Value
	}{
		{key, hive.Value{Name: recordValue, Type: hive.Binary, Data: b}},
		{key, hive.Value{Name: recordHint, Type: hive.SZ, Data: hive.EncodeSZ("Crash settings changed by hangkit. To put them back: hangkit undo")}},
		{recordRoot, hive.Value{Name: recordLatest, Type: hive.SZ, Data: hive.EncodeSZ(r.ID)}},
	} {
		if err := h.SetValue(v.key, v.val); err != nil {
			return err
		}
	}
	return nil
}

// idTime is how an id writes its time.
const idTime = "20060102T150405Z"

// laterID is an id behind those of all stored records, though the clock of the machine hangkit runs on may be behind:
// records are undone latest first.
func laterID(h *hive.Hive, id string) string {
	list, err := Records(h)
	if err != nil || len(list) == 0 || compareIDs(id, list[0].ID) > 0 || len(list[0].ID) < len(idTime) {
		return id
	}
	latest, err := time.Parse(idTime, list[0].ID[:len(idTime)])
	if err != nil {
		return id
	}
	return latest.Add(time.Second).Format(idTime)
}

// freeID keeps two arms in the same second apart.
func freeID(h *hive.Hive, id string) string {
	free := id
	for n := 2; keyExists(h, recordRoot+`\`+free); n++ {
		free = fmt.Sprintf("%s-%d", id, n)
	}
	return free
}

func keyExists(h *hive.Hive, key string) bool {
	_, err := h.Key(key)
	return err == nil
}

// forget removes a record from the hive, and the whole place once no record is left.
func forget(h *hive.Hive, id string) error {
	if err := ignoreAbsent(h.DeleteKey(recordRoot + `\` + id)); err != nil {
		return fmt.Errorf("remove the stored undo record: %w", err)
	}
	list, err := Records(h)
	if err != nil {
		return err
	}
	if len(list) > 0 {
		return h.SetValue(recordRoot, hive.Value{Name: recordLatest, Type: hive.SZ, Data: hive.EncodeSZ(list[0].ID)})
	}
	if err := ignoreAbsent(h.DeleteValue(recordRoot, recordLatest)); err != nil {
		return err
	}
	return deleteIfEmpty(h, recordRoot)
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// deleteIfEmpty removes a key that holds neither values nor sub-keys.
func deleteIfEmpty(h *hive.Hive, key string) error {
	k, err := h.Key(key)
	if err != nil {
		return ignoreAbsent(err)
	}
	if k.NumSubkeys() > 0 || k.NumValues() > 0 {
		return nil
	}
	return h.DeleteKey(key)
}
