package bitlocker

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// A recovery password is eight groups of six digits. Each group is a 16-bit number times 11,
// so that a mistyped digit is found in its group.
const (
	recoveryGroups = 8
	groupDigits    = 6
	groupFactor    = 11
	maxGroup       = 0xffff * groupFactor
)

// errGroupCount says that a text has not as many groups as a recovery password. It may be a password.
var errGroupCount = fmt.Errorf("%w: a recovery password has %d groups of %d digits, this one", ErrKey, recoveryGroups, groupDigits)

// RecoveryKeySize is the length of what the digits stand for.
const RecoveryKeySize = 2 * recoveryGroups

// recoveryForm is what a recovery password looks like even with a mistake in it: groups of
// digits, most of them of six, or forty and more digits without a break.
var recoveryForm = regexp.MustCompile(`^(?:[0-9]+[\p{Pd}\p{Z}\s]+){3,}[0-9]+$|^[0-9]{40,}$`)

func looksLikeRecovery(text string) bool { return recoveryForm.MatchString(strings.TrimSpace(text)) }

// betweenGroups tells what sets groups apart: web pages have dashes of all lengths.
func betweenGroups(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) }

// RecoveryKey turns the 48 digits into the key they stand for. Groups are set apart by
// hyphens, by blanks, or not at all.
func RecoveryKey(password string) (key [RecoveryKeySize]byte, err error) {
	groups, err := splitRecovery(password)
	if err != nil {
		return key, err
	}
	for i, g := range groups {
		n, err := parseGroup(g)
		if err != nil {
			return [RecoveryKeySize]byte{}, fmt.Errorf("%w: group %d of the recovery password %w", ErrKey, i+1, err)
		}
		le.PutUint16(key[2*i:], n)
	}
	return key, nil
}

func splitRecovery(password string) ([]string, error) {
	groups := strings.FieldsFunc(password, betweenGroups)
	if len(groups) == 1 && len(groups[0]) == recoveryGroups*groupDigits {
		digits := groups[0]
		groups = nil
		for ; digits != ""; digits = digits[groupDigits:] {
			groups = append(groups, digits[:groupDigits])
		}
	}
	if len(groups) != recoveryGroups {
		return nil, fmt.Errorf("%w %d", errGroupCount, len(groups))
	}
	return groups, nil
}

// The errors say nothing of the digits: a screen may be shared.
func parseGroup(g string) (uint16, error) {
	n, err := strconv.ParseUint(g, 10, 32)
	switch {
	case len(g) != groupDigits:
		return 0, fmt.Errorf("has %d characters, not %d", len(g), groupDigits)
	case err != nil:
		return 0, errGroupDigits
	case n%groupFactor != 0 || n > maxGroup:
		return 0, errGroupTypo
	}
	return uint16(n / groupFactor), nil
}
