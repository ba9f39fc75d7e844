package collect

import (
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"
)

// encryptedSuffix is what the name of an encrypted copy ends in.
const encryptedSuffix = ".age"

// Recipient is somebody who can decrypt what is encrypted to them, by their
// public key.
type Recipient struct {
	key  age.Recipient
	text string
}

// ParseRecipient reads a public key as age prints it, age1….
func ParseRecipient(s string) (Recipient, error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "AGE-SECRET-KEY-") {
		return Recipient{}, fmt.Errorf("this is a secret key: name the public key that belongs to it, age1…")
	}
	keys, err := age.ParseRecipients(strings.NewReader(s))
	if err != nil || len(keys) != 1 {
		return Recipient{}, fmt.Errorf("%q is not the public key of an age recipient, age1…", s)
	}
	return Recipient{keys[0], s}, nil
}

// String is the public key.
func (r Recipient) String() string { return r.text }

func recipientKeys(all []Recipient) []age.Recipient {
	var keys []age.Recipient
	for _, r := range all {
		keys = append(keys, r.key)
	}
	return keys
}

func recipientNames(all []Recipient) []string {
	var names []string
	for _, r := range all {
		names = append(names, r.text)
	}
	return names
}

// sortedNames names recipients the same in whatever order they are given.
func sortedNames(all []Recipient) string { return strings.Join(sortedRecipients(all), " ") }

func sortedRecipients(all []Recipient) []string {
	names := recipientNames(all)
	slices.Sort(names)
	return slices.Compact(names)
}
