package offline

import (
	"context"
	"errors"

	"hangkit/hive"
	"hangkit/hive/regtext"
	"hangkit/offline/internal/ui"
)

// HiveSetCmd sets one value.
type HiveSetCmd struct {
	HiveFlags
	PrefixFlag
	Key   string   `arg:"" help:"Key below the hive's root, or its full name; it is created where it is missing."`
	Value string   `arg:"" help:"Value of the key. The default value is @, one that is really named so is \\@."`
	Data  []string `arg:"" optional:"" help:"Number (decimal, or 0x…), text, one argument for each string of a multi-sz, or bytes in hexadecimal. None is empty."`
	Type  typeFlag `short:"t" placeholder:"TYPE" help:"sz, expand-sz, multi-sz, dword, dword-be, qword, binary, none, link, resource-list, full-resource-descriptor, resource-requirements-list, or a number (then the data are bytes). Default: the type the value has; sz for a new one."`
	HiveEditFlags
}

// Help is the command's long help.
func (*HiveSetCmd) Help() string {
	return `Prints what will change, asks, writes a .reg text that undoes it, and writes the hive
in the order Windows itself uses. A value that is so already is not touched. A hive on a
disk without room for the change, or without a log for it, is replaced by a new file.

    hangkit hive set SYSTEM 'ControlSet001\Services\foo' Start 4 --type dword --yes
    hangkit hive set server.img 'CurrentControlSet\Control\CrashControl' CrashDumpEnabled 7 -n
    hangkit hive set server.img --hive SOFTWARE 'Vendor\Tool' @ 'default value' -y
    hangkit hive set NTUSER.DAT 'Control Panel\Desktop' List one two --type multi-sz

EXIT STATUS: 0 done, or so already; 1 failed; 4 refused for safety, nothing changed;
5 damaged or unknown format; 6 not found; 80 wrong usage; 130 interrupted.`
}

// Run sets the value.
func (c *HiveSetCmd) Run(ctx context.Context, talk *ui.UI) error {
	e, err := beginHiveEdit(ctx, talk, &c.HiveFlags, c.Prefix, &c.HiveEditFlags)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer e.Close()
	v, err := c.value(e)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	return e.run(ctx, "hangkit/hive-set/1", &regtext.File{Keys: []regtext.Key{{Path: c.Key, Values: []regtext.Value{v}}}})
}

// value is the value that is wanted.
func (c *HiveSetCmd) value(e *hiveEdit) (regtext.Value, error) {
	v := regtext.Value{Name: parseValueName(c.Value), Type: hive.SZ}
	if err := checkStrings([]string{v.Name, c.Key}); err != nil {
		return v, ui.Fail(ui.Usage, err)
	}
	if c.Type.typ != nil {
		v.Type = *c.Type.typ
	} else if err := c.presentType(e, &v); err != nil {
		return v, err
	}
	var err error
	if v.Data, err = parseData(v.Type, c.Type.bytes, c.Data); err != nil {
		return v, ui.Fail(ui.Usage, err, "the type is "+v.Type.String()+": --type names another")
	}
	return v, nil
}

// presentType takes the type that the value has now, if there is one.
func (c *HiveSetCmd) presentType(e *hiveEdit, v *regtext.Value) error {
	path, err := e.names.resolve(c.Key)
	if err != nil {
		return err
	}
	key, err := e.hive.Key(path)
	if err != nil && !errors.Is(err, hive.ErrNotExist) {
		return err
	}
	old, err := valueOf(key, v.Name)
	if err == nil && old != nil {
		v.Type = old.Type
	}
	return err
}
