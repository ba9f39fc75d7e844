package offline

import (
	"reflect"
	"slices"
	"strings"
)

// grammar is the part of the command line that the arguments can mean, for kong, and
// the flags every command shares. To take in the whole takes kong longer than most
// commands need for their work: 2 of 5 ms. Help is about the whole.
func grammar(args []string) (root any, globals *Globals) {
	command, ok := chosenCommand(reflect.TypeFor[CLI](), args)
	if !ok || slices.ContainsFunc(args, asksHelp) {
		cli := &CLI{}
		return cli, &cli.Globals
	}
	shared, _ := reflect.TypeFor[CLI]().FieldByName("Globals")
	pruned := reflect.New(reflect.StructOf([]reflect.StructField{shared, command}))
	globals, _ = reflect.TypeAssert[*Globals](pruned.Elem().Field(0).Addr())
	return pruned.Interface(), globals
}

func asksHelp(arg string) bool { return arg == "--help" || arg == "-h" }

// chosenCommand is the field of the command that the first argument names. Where that
// is a group, only the command of the group that the next argument names is left in it.
func chosenCommand(in reflect.Type, args []string) (reflect.StructField, bool) {
	for field := range in.Fields() {
		if _, isCommand := field.Tag.Lookup("cmd"); !isCommand || len(args) == 0 || strings.ToLower(field.Name) != args[0] {
			continue
		}
		if sub, ok := chosenCommand(field.Type, args[1:]); ok {
			field.Type = reflect.StructOf([]reflect.StructField{sub})
		}
		return field, true
	}
	return reflect.StructField{}, false
}
