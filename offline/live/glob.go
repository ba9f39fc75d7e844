package live

import "strings"

// wildcards begin the part of an alias that is not literal.
const wildcards = "*?["

// literal is what an alias begins with before its first wildcard.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, wildcards); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// glob matches as fnmatch(3) does without flags, but for the backslash, which aliases do
// not have. It goes back to the last star only, so that its time stays bounded.
func glob(pattern, s string) bool {
	star, from := -1, 0
	p, i := 0, 0
	for i < len(s) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, i
			p++
			continue
		}
		if n := matchOne(pattern[p:], s[i]); n > 0 {
			p, i = p+n, i+1
			continue
		}
		if star < 0 {
			return false
		}
		from++
		p, i = star+1, from
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchOne matches one byte and tells how much of the pattern that took; 0 is no match.
func matchOne(pattern string, c byte) int {
	switch {
	case pattern == "":
		return 0
	case pattern[0] == '?':
		return 1
	case pattern[0] == '[':
		if set, _, ok := strings.Cut(pattern[1:], "]"); ok {
			if inSet(set, c) {
				return len(set) + len("[]")
			}
			return 0
		}
	}
	if pattern[0] == c {
		return 1
	}
	return 0
}

func inSet(set string, c byte) bool {
	rest, not := strings.CutPrefix(set, "!")
	for i := 0; i < len(rest); i++ {
		low, high := rest[i], rest[i]
		if i+2 < len(rest) && rest[i+1] == '-' {
			high = rest[i+2]
			i += 2
		}
		if low <= c && c <= high {
			return !not
		}
	}
	return not
}
