package offline

import (
	"context"
	"errors"
	"fmt"

	"hangkit/hive/regtext"
	"hangkit/offline/internal/ui"
)

// HiveDeleteCmd deletes a key or a value.
type HiveDeleteCmd struct {
	HiveFlags
	PrefixFlag
	Key       string  `arg:"" help:"Key below the hive's root, or its full name."`
	Value     *string `arg:"" optional:"" help:"Value of the key. The default value is @, one that is really named so is \\@."`
	Recursive bool    `short:"r" help:"Delete the keys below the key, too."`
	HiveEditFlags
}

// Help is the command's long help.
func (*HiveDeleteCmd) Help() string {
	return `Deletes one value, or a key with its values. Prints what will go, asks, and writes a
.reg text that puts it back.

    hangkit hive delete SYSTEM 'ControlSet001\Services\foo' Start
    hangkit hive delete server.img 'CurrentControlSet\Services\foo' --recursive -n

EXIT STATUS: 0 done; 1 failed; 4 refused for safety, nothing changed; 5 damaged or
unknown format; 6 no such key or value; 80 wrong usage; 130 interrupted.`
}

// Validate checks flags that depend on arguments.
func (c *HiveDeleteCmd) Validate() error {
	if c.Recursive && c.Value != nil {
		return errors.New("--recursive deletes keys, not a value")
	}
	return nil
}

// Run deletes the key or value.
func (c *HiveDeleteCmd) Run(ctx context.Context, talk *ui.UI) error {
	e, err := beginHiveEdit(ctx, talk, &c.HiveFlags, c.Prefix, &c.HiveEditFlags)
	if err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	defer e.Close()
	key := regtext.Key{Path: c.Key, Delete: c.Value == nil}
	if c.Value != nil {
		key.Values = []regtext.Value{{Name: parseValueName(*c.Value), Delete: true}}
	}
	if err := c.find(e); err != nil {
		return ui.WithEffect(err, ui.Unchanged)
	}
	return e.run(ctx, "hangkit/hive-delete/1", &regtext.File{Keys: []regtext.Key{key}})
}

// find demands that there is something to delete, and no more than was asked for.
func (c *HiveDeleteCmd) find(e *hiveEdit) error {
	path, err := e.names.resolve(c.Key)
	if err != nil {
		return err
	}
	key, err := e.hive.Key(path)
	if err != nil {
		return err
	}
	if c.Value != nil {
		_, err := key.Value(parseValueName(*c.Value))
		return err
	}
	if n := key.NumSubkeys(); n > 0 && !c.Recursive {
		return ui.Fail(ui.Refused, fmt.Errorf("the key has %s below it", count(n, "key")), "--recursive deletes these, too")
	}
	return nil
}
