package container

import (
	"cmp"
	"fmt"
	"slices"
)

// Span is a part of a file.
type Span struct{ Off, Len int64 }

// Apart says that no span lies over another: a write into one of two that do
// would change the other too.
func Apart(what string, spans []Span) error {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.Off, b.Off) })
	for i := 1; i < len(spans); i++ {
		if before := spans[i-1]; spans[i].Off < before.Off+before.Len {
			return &FormatError{Off: spans[i].Off, What: what, Want: "a place of its own", Got: fmt.Sprintf("that of the one at 0x%x", before.Off)}
		}
	}
	return nil
}
