package bitlocker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"hangkit/image/bitlocker/internal/crypt"
)

// Secret is what a user has to open a volume with. It keeps the keys that were made from it,
// which takes a while, so that a volume opened twice waits once. Its methods may be called
// concurrently.
type Secret struct {
	kind     Kind
	hash     [sha256.Size]byte // of a recovery password or a password
	external externalKey       // of a key file
	doubt    error             // why a password may have been meant as something else; nil for none

	mu        sync.Mutex
	stretched map[string][]byte // by salt
}

// Kind is the kind of protector the secret is for.
func (s *Secret) Kind() Kind { return s.kind }

// Erase overwrites the secret and what was made from it.
func (s *Secret) Erase() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.hash[:])
	clear(s.external.key)
	for _, key := range s.stretched {
		clear(key)
	}
	clear(s.stretched)
}

// NewPassword makes a secret of a volume's password.
func NewPassword(password string) *Secret {
	units := utf16Bytes(password)
	once := sha256.Sum256(units)
	clear(units)
	return &Secret{kind: Password, hash: sha256.Sum256(once[:])}
}

// NewRecoveryPassword makes a secret of the 48 digits. The error says which group cannot be
// right.
func NewRecoveryPassword(password string) (*Secret, error) {
	key, err := RecoveryKey(password)
	if err != nil {
		return nil, err
	}
	return &Secret{kind: RecoveryPassword, hash: sha256.Sum256(key[:])}, nil
}

// ParseSecret tells a recovery password from a password by its form. Digits in another number
// of groups are a password, with a doubt that a [LockedError] tells of.
func ParseSecret(text string) (*Secret, error) {
	switch {
	case text == "":
		return nil, fmt.Errorf("%w: it is empty", ErrKey)
	case looksLikeRecovery(text):
		s, err := NewRecoveryPassword(text)
		if !errors.Is(err, errGroupCount) {
			return s, err
		}
		s = NewPassword(text)
		s.doubt = err
		return s, nil
	}
	return NewPassword(text), nil
}

// MaxKeyFile is far more than a key file of any kind takes.
const MaxKeyFile = 64 << 10

// recoveryInText finds the recovery passwords in a text such as Windows saves.
var recoveryInText = regexp.MustCompile(`\b[0-9]{6}(?:\p{Pd}[0-9]{6}){7}\b`)

// ParseKeyFile reads a file with a key: a .BEK, the text that Windows saves with a recovery
// password, or a text that is nothing but a recovery password or a password.
func ParseKeyFile(data []byte) ([]*Secret, error) {
	if len(data) > MaxKeyFile {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrKey, len(data))
	}
	if isExternalKey(data) {
		key, err := parseExternalKey(data)
		if err != nil {
			return nil, err
		}
		return []*Secret{{kind: KeyFile, external: key}}, nil
	}
	text, ok := decodeText(data)
	if !ok {
		return nil, fmt.Errorf("%w: neither a .BEK file nor text", ErrKey)
	}
	return parseKeyText(text)
}

func parseKeyText(text string) ([]*Secret, error) {
	var secrets []*Secret
	for _, password := range recoveryInText.FindAllString(text, -1) {
		s, err := NewRecoveryPassword(password)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, s)
	}
	if len(secrets) > 0 {
		return secrets, nil
	}
	text = strings.TrimRight(text, "\r\n")
	if strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%w: several lines, and no recovery password in them", ErrKey)
	}
	s, err := ParseSecret(text)
	return []*Secret{s}, err
}

// Windows saves texts as UTF-16, and some editors mark UTF-8.
var (
	utf16Mark = []byte{0xff, 0xfe}
	utf8Mark  = []byte{0xef, 0xbb, 0xbf}
)

func decodeText(data []byte) (string, bool) {
	if rest, ok := bytes.CutPrefix(data, utf16Mark); ok {
		return utf16String(rest), true
	}
	data = bytes.TrimPrefix(data, utf8Mark)
	return string(data), utf8.Valid(data) && !bytes.ContainsRune(data, 0)
}

// fits tells whether the secret is of the kind that a protector asks for. Of a key file the
// protector's own is meant: it has the same ID.
func (s *Secret) fits(k masterKey) bool {
	switch {
	case s.kind != k.Kind:
		return false
	case s.kind == KeyFile:
		return s.external.id == k.ID
	}
	return k.salt != nil
}

// key is what the protector's copy of the master key is sealed with.
func (s *Secret) key(ctx context.Context, salt []byte) ([]byte, error) {
	s.mu.Lock()
	if s.kind == KeyFile {
		defer s.mu.Unlock()
		return s.external.key, nil
	}
	key, ok := s.stretched[string(salt)]
	hash := s.hash
	s.mu.Unlock()
	if ok {
		return key, nil
	}
	key, err := crypt.Stretch(ctx, hash, salt)
	if err != nil {
		return nil, err
	}
	s.keep(salt, key)
	return key, nil
}

func (s *Secret) keep(salt, key []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stretched == nil {
		s.stretched = map[string][]byte{}
	}
	s.stretched[string(salt)] = key
}
