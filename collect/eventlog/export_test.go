package eventlog

// SplitStrings tells into how many parts an array of strings is split.
func SplitStrings(b []byte, most int) int {
	return len(value{kind: typeStrings, b: b}.split(most))
}
