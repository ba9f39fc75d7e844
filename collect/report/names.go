package report

import _ "embed" // of the list of names

// knownNames are the names of files that Windows brings, in lower case, one to a
// line, with a line end before the first.
//
//go:embed names.txt
var knownNames string
