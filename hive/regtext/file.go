package regtext

import (
	"errors"
	"fmt"

	"hangkit/hive"
)

// A File is a .reg text: keys in the order in which they take effect.
type File struct {
	Keys []Key
}

// A Key is one [key] of a text with the values below it. A key to be deleted has no values.
type Key struct {
	Line   int    // where it stands in the text, from 1; 0 if it does not come from one
	Path   string // as written, with its root: HKEY_LOCAL_MACHINE\SYSTEM\Select
	Delete bool   // [-key]: delete it and all below it
	Values []Value
}

// A Value is one value to set or to delete. The key's default value, written @, has the name "".
type Value struct {
	Line   int
	Name   string
	Delete bool // "name"=-
	Type   hive.Type
	Data   []byte
}

// Encoding is how a text is stored.
type Encoding int

// The encodings a text can be written in.
const (
	// UTF16 is UTF-16LE with a byte order mark, as regedit writes it.
	UTF16 Encoding = iota
	// UTF8 is UTF-8 without a byte order mark. Names with unpaired surrogates are written as
	// WTF-8, which [Parse] reads back and others may not.
	UTF8
)

// Summary counts what happened to keys and values.
type Summary struct {
	Keys, Values               int // written, or created and set
	DeletedKeys, DeletedValues int // a deleted key counts with all below it
	Unchanged                  int // values and deletions that found everything as they want it
}

// Errors that callers branch on.
var (
	// ErrSyntax: the text is not what the format demands. Always a *SyntaxError.
	ErrSyntax = errors.New("not a valid .reg text")
	// ErrForeignKey: a key of the text lies outside the hive.
	ErrForeignKey = errors.New("key of another hive")
	// ErrLeftOut: a text holds all but some keys. Always a *LeftOutError.
	ErrLeftOut = errors.New("keys left out")
)

// A SyntaxError says in which line of a text something else was expected.
type SyntaxError struct {
	Line int
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Unwrap makes every SyntaxError an ErrSyntax.
func (e *SyntaxError) Unwrap() error { return ErrSyntax }
