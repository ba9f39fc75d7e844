package offline

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"hangkit/ntfs"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
	"hangkit/offline/windows"
)

// HiveBCDCmd shows what the Windows boot manager is set to do.
type HiveBCDCmd struct {
	Target string `arg:"" help:"BCD file with its log beside it, or disk image, device or directory that it lies on."`
	All    bool   `help:"Show every object and every element of the store."`
}

// Help is the command's long help.
func (*HiveBCDCmd) Help() string {
	return `Shows the boot entries of a machine and those of their settings that matter for a
hang and its dump, by the names bcdedit has for them, each with where its value
comes from: set in the entry itself, inherited from settings that entries share, or
the documented default. Changes nothing.

On a disk the store is looked for where firmware boots from: \EFI\Microsoft\Boot\BCD
on the EFI system partition (FAT), or \Boot\BCD.

    hangkit hive bcd server.img
    hangkit hive bcd /mnt/efi --all
    hangkit hive bcd BCD --json

EXIT STATUS: 0 done; 1 failed; 3 some of several stores could not be read; 4 Windows
would refuse the store: unfinished, and no log that completes it; 5 not a store, or
damaged; 6 no store found; 80 wrong usage.`
}

type hiveBCDDocument struct {
	Schema string    `json:"schema"`
	Target string    `json:"target"`
	Stores []bcdJSON `json:"stores"`
}

type bcdJSON struct {
	title        string
	Path         string         `json:"path"` // on its volume
	Volume       string         `json:"volume"`
	Recovery     *recoveryJSON  `json:"recovery,omitempty"`
	Default      string         `json:"default,omitempty"`
	Timeout      *uint64        `json:"timeout_seconds,omitempty"`
	DisplayOrder []string       `json:"display_order,omitempty"`
	Entries      []bcdEntryJSON `json:"entries"`
	Problems     []string       `json:"problems,omitempty"`
}

type bcdEntryJSON struct {
	ID          string           `json:"id"`
	Name        string           `json:"name,omitempty"` // well-known: {bootmgr}
	Type        string           `json:"type"`
	TypeNumber  string           `json:"type_number"`
	Description string           `json:"description,omitempty"`
	Default     bool             `json:"default,omitempty"`
	Menu        int              `json:"menu,omitempty"`     // place in the menu, from 1
	Install     int              `json:"install,omitempty"`  // the Windows it starts, as list numbers them
	Settings    []bcdElementJSON `json:"settings,omitempty"` // what counts, inherited values and defaults too
	Elements    []bcdElementJSON `json:"elements,omitempty"` // what is set in the object itself
}

type bcdElementJSON struct {
	Name   string         `json:"name"`
	Type   string         `json:"type"`
	Format string         `json:"format"`
	Value  any            `json:"value,omitempty"` // integers as strings: they have 64 bits
	Words  string         `json:"words"`
	Origin windows.Origin `json:"origin"`
	From   string         `json:"from,omitempty"`
	Error  string         `json:"error,omitempty"`
	Raw    string         `json:"raw,omitempty"` // hexadecimal, where it cannot be decoded
}

var errNoBCD = errors.New("no boot configuration store found")

// Run shows the stores of the target.
func (c *HiveBCDCmd) Run(ctx context.Context, talk *ui.UI) error {
	s := &scan{}
	if err := s.add(ctx, c.Target, target.ReadOnly); err != nil {
		return err
	}
	defer s.Close()
	stores, err := c.read(s)
	if len(stores) == 0 {
		return err
	}
	doc := &hiveBCDDocument{Schema: "hangkit/hive-bcd/1", Target: c.Target, Stores: []bcdJSON{}}
	for _, b := range stores {
		doc.Stores = append(doc.Stores, b.describe(s, c.All))
	}
	if talk.JSON {
		return errors.Join(talk.Document(doc), partly(err))
	}
	for i, b := range doc.Stores {
		if i > 0 {
			talk.Printf("\n")
		}
		printBCD(talk, b)
	}
	return partly(err)
}

// partly is the failure to read some of several stores.
func partly(err error) error {
	if err == nil {
		return nil
	}
	return ui.Fail(ui.Partly, err)
}

// bcdStore is a store that was found and read.
type bcdStore struct {
	*windows.BCD
	volume   *target.Volume
	path     string
	recovery *recoveryJSON
}

// read reads every store of the target. The error is about those that could not be read.
func (c *HiveBCDCmd) read(s *scan) ([]*bcdStore, error) {
	var stores []*bcdStore
	var errs []error
	for _, v := range s.targets[0].Volumes {
		for _, name := range bcdPaths(v) {
			b, recovery, err := windows.ReadBCD(v.FS, name)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", v.Label(), err))
				continue
			}
			store := &bcdStore{BCD: b, volume: v, path: name}
			if recovery.Dirty {
				store.recovery = describeRecovery(recovery)
			}
			stores = append(stores, store)
		}
	}
	if len(stores) == 0 && len(errs) == 0 {
		return nil, s.noBCD()
	}
	return stores, errors.Join(errs...)
}

// bcdPaths are the stores of a volume; a file that was named itself is one, whatever its name.
func bcdPaths(v *target.Volume) []string {
	switch {
	case v.FS == nil:
		return nil
	case v.Target.HiveName() != "":
		return []string{v.Target.HiveName()}
	}
	return windows.FindBCD(v.FS)
}

// noBCD says what could not be looked at instead: the store may be there.
func (s *scan) noBCD() error {
	hints := []string{"it lies on the EFI system partition, or on the active partition of a BIOS machine: name the disk, that partition mounted, or the file"}
	for _, v := range s.targets[0].Volumes {
		if v.FS == nil && v.Err != nil && !errors.Is(v.Err, ntfs.ErrNotNTFS) {
			hints = append(hints, fmt.Sprintf("%s: %v", v.Label(), v.Err))
		}
	}
	return ui.Fail(ui.NotFound, errNoBCD, hints...)
}

// where names the store for people.
func (b *bcdStore) where() string {
	if b.volume.Target.HiveName() != "" {
		return b.volume.Target.Name
	}
	return b.path + " (" + b.volume.Label() + ")"
}

func (b *bcdStore) describe(s *scan, all bool) bcdJSON {
	j := bcdJSON{title: b.where(), Path: b.path, Volume: b.volume.Label(), Recovery: b.recovery, Entries: []bcdEntryJSON{}, Problems: b.Problems}
	if e, ok := b.Default(); ok {
		j.Default = e.ID
	}
	if manager, ok := b.Entry("{bootmgr}"); ok {
		if el, ok := manager.Element("timeout"); ok && el.Err == nil {
			j.Timeout = &el.Integer
		}
		el, _ := manager.Element("displayorder")
		j.DisplayOrder = el.Objects
	}
	installs := b.installs(s)
	for _, l := range b.Loaders() {
		j.Entries = append(j.Entries, describeLoader(l, all, installs[l.ID]))
	}
	for _, e := range b.Entries {
		if all && !isListed(j.Entries, e.ID) {
			j.Entries = append(j.Entries, describeObject(e, all))
		}
	}
	return j
}

func isListed(list []bcdEntryJSON, id string) bool {
	for _, e := range list {
		if e.ID == id {
			return true
		}
	}
	return false
}

// installs are the numbers of the Windows in reach by the ID of the entry that starts them. Of those
// that one entry may start the first counts.
func (b *bcdStore) installs(s *scan) map[string]int {
	numbers := map[string]int{}
	for _, f := range s.installs {
		if f.Root == "" || f.Old {
			continue
		}
		l, ok := b.LoaderOf(volumeID(f.Volume), f.Root)
		if ok && numbers[l.ID] == 0 {
			numbers[l.ID] = f.N
		}
	}
	return numbers
}

func describeObject(e *windows.Entry, all bool) bcdEntryJSON {
	j := bcdEntryJSON{
		ID: e.ID, Type: e.Type.String(), TypeNumber: fmt.Sprintf("0x%08x", uint32(e.Type)), Description: carried(e.Description()),
	}
	if e.Name() != e.ID {
		j.Name = e.Name()
	}
	if all {
		for _, el := range e.Elements {
			j.Elements = append(j.Elements, describeElement(el))
		}
	}
	return j
}

// loaderHead are the elements that say what a loader starts.
var loaderHead = []string{"device", "path", "osdevice", "systemroot"}

func describeLoader(l windows.Loader, all bool, install int) bcdEntryJSON {
	j := describeObject(l.Entry, all)
	j.Default, j.Menu, j.Install = l.Default, l.Menu, install
	for _, name := range append(loaderHead, windows.CrashElements()...) {
		if el, ok := l.Element(name); ok {
			j.Settings = append(j.Settings, describeElement(el))
		}
	}
	return j
}

func describeElement(e windows.Element) bcdElementJSON {
	j := bcdElementJSON{
		Name: e.Name, Type: e.Type.String(), Format: e.Type.Format().String(), Words: carried(e.Words()), Origin: e.Origin, From: e.From,
	}
	if e.Err != nil {
		j.Error, j.Raw = e.Err.Error(), fmt.Sprintf("%x", e.Raw.Data)
		return j
	}
	j.Value = elementValue(e)
	return j
}

type bcdDeviceJSON struct {
	Kind          windows.DeviceKind `json:"kind"`
	PartitionGUID string             `json:"partition_guid,omitempty"`
	Offset        int64              `json:"offset,omitempty"` // of an MBR partition, in bytes
	Disk          string             `json:"disk,omitempty"`   // GUID, or signature of an MBR disk
	Path          string             `json:"path,omitempty"`
	Parent        *bcdDeviceJSON     `json:"parent,omitempty"` // what holds the file
	Options       string             `json:"options,omitempty"`
}

func describeDevice(d windows.Device) *bcdDeviceJSON {
	j := &bcdDeviceJSON{
		Kind: d.Kind, PartitionGUID: d.Partition.PartitionGUID, Offset: d.Partition.Offset, Disk: d.Disk,
		Path: carried(d.Path), Options: d.Options,
	}
	if d.Parent != nil {
		j.Parent = describeDevice(*d.Parent)
	}
	return j
}

// elementValue is the value as JSON has it.
func elementValue(e windows.Element) any {
	switch e.Type.Format() {
	case windows.FormatDevice:
		return describeDevice(e.Device)
	case windows.FormatBoolean:
		return e.Bool
	case windows.FormatInteger:
		return strconv.FormatUint(e.Integer, 10)
	case windows.FormatString:
		return carried(e.Text)
	case windows.FormatObject, windows.FormatObjectList:
		return e.Objects
	case windows.FormatIntegerList:
		list := []string{}
		for _, n := range e.Integers {
			list = append(list, strconv.FormatUint(n, 10))
		}
		return list
	default:
		return nil
	}
}

func printBCD(talk *ui.UI, b bcdJSON) {
	talk.Printf("%s\n", printable(b.title))
	talk.Printf("%s\n", managerLine(b))
	if b.Recovery != nil {
		talk.Printf("unfinished: completed in memory from its log\n")
	}
	for _, e := range b.Entries {
		printEntry(talk, e)
	}
	for _, p := range b.Problems {
		talk.Warnf("%s\n", printable(p))
	}
}

// managerLine says what happens if nobody chooses.
func managerLine(b bcdJSON) string {
	if b.Default == "" {
		return "the boot manager has no default"
	}
	wait := "waits for a choice"
	if b.Timeout != nil {
		wait = fmt.Sprintf("waits %d seconds", *b.Timeout)
	}
	switch len(b.DisplayOrder) {
	case 0:
		wait = "has no menu"
	case 1:
		wait = "has one entry in its menu"
	}
	return fmt.Sprintf("the boot manager %s and starts %s by itself", wait, b.Default)
}

func printEntry(talk *ui.UI, e bcdEntryJSON) {
	talk.Printf("\n%s\n", entryLine(e))
	for _, el := range e.Settings {
		printElement(talk, el, e)
	}
	if e.Settings != nil {
		printUnset(talk, e)
	}
	if e.Elements == nil {
		return
	}
	if e.Settings != nil {
		talk.Printf("  every element of the object itself:\n")
	}
	for _, el := range e.Elements {
		talk.Printf("  %s  %-24s %s\n", el.Type, el.Name, printable(el.Words))
	}
}

func entryLine(e bcdEntryJSON) string {
	var marks []string
	if e.Default {
		marks = append(marks, "default")
	}
	if e.Menu == 0 && e.Settings != nil {
		marks = append(marks, "not in the menu")
	}
	if e.Install != 0 {
		marks = append(marks, fmt.Sprintf("starts Windows [%d]", e.Install))
	}
	line := e.Type + " " + e.ID
	if e.Name != "" {
		line = e.Type + " " + e.Name + " " + e.ID
	}
	if e.Description != "" {
		line = `"` + printable(e.Description) + `", ` + line
	}
	if marks != nil {
		line += " (" + strings.Join(marks, ", ") + ")"
	}
	return line
}

func printElement(talk *ui.UI, el bcdElementJSON, in bcdEntryJSON) {
	words := printable(el.Words)
	switch {
	case el.Origin == windows.Default:
		words += "  (default)"
	case el.From != in.ID:
		words += "  (inherited from " + windows.BCDObjectName(el.From) + ")"
	}
	talk.Printf("  %-24s %s\n", el.Name, words)
}

// printUnset lists the settings that the entry leaves to Windows.
func printUnset(talk *ui.UI, e bcdEntryJSON) {
	known := map[string]bool{}
	for _, el := range e.Settings {
		known[el.Name] = true
	}
	var unset []string
	for _, name := range windows.CrashElements() {
		if !known[name] {
			unset = append(unset, name)
		}
	}
	if len(unset) > 0 {
		talk.Printf("  not set:\n")
		printWrapped(talk, strings.Join(unset, ", "))
	}
}
