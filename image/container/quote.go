package container

import (
	"runtime"
	"strings"
)

// Quote quotes a word for a shell where it needs it: for the Bourne shell or, in Windows, for cmd and PowerShell alike.
func Quote(word string) string {
	if runtime.GOOS == "windows" {
		return quoteWindows(word)
	}
	return quotePOSIX(word)
}

// plainWord reports a word that no shell takes for anything else.
func plainWord(s, more string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@"+more) == ""
}

func quotePOSIX(s string) string {
	if plainWord(s, "") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// unquotable is what stands for a name that no quotes carry through both cmd and PowerShell.
const unquotable = "TARGET"

// quoteWindows: between double quotes PowerShell still sees $ and `, cmd still sees %, and a backslash before the closing
// quote takes it along.
func quoteWindows(s string) string {
	switch {
	case plainWord(s, `\`) && !strings.Contains(s, ","):
		return s
	case strings.ContainsAny(s, "\"$`%"):
		return unquotable
	}
	return `"` + s + strings.Repeat(`\`, len(s)-len(strings.TrimRight(s, `\`))) + `"`
}
