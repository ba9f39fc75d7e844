package bitlocker

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

const goodRecovery = "482548-408683-386023-032725-083754-344718-228228-361845"

func TestRecoveryKey(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		err  string // "" = good
	}{
		{goodRecovery, ""},
		{strings.ReplaceAll(goodRecovery, "-", " "), ""},
		{strings.ReplaceAll(goodRecovery, "-", ""), ""},
		{"  " + goodRecovery + "\t", ""},
		{goodRecovery + "\r\n", ""},
		{strings.ReplaceAll(goodRecovery, "-", "\u2013"), ""}, // as web pages show it
		{strings.ReplaceAll(goodRecovery, "-", "\u00a0\u2011 "), ""},
		{strings.Repeat("720885-", 7) + "720885", ""}, // 65535 × 11
		{strings.Repeat("720885-", 7) + "720896", "group 8 of the recovery password is mistyped"},
		{strings.Replace(goodRecovery, "386023", "386024", 1), "group 3 of the recovery password is mistyped"},
		{strings.Replace(goodRecovery, "386023", "38602", 1), "group 3 of the recovery password has 5 characters"},
		{strings.Replace(goodRecovery, "482548", "48254x", 1), "group 1 of the recovery password has something other than digits"},
		{goodRecovery[:48], "this one 7"},
		{goodRecovery + "-000011", "this one 9"},
		{"", "this one 0"},
	} {
		key, err := RecoveryKey(c.text)
		switch {
		case c.err == "" && err != nil:
			t.Errorf("%q: %v", c.text, err)
		case c.err != "" && (!errors.Is(err, ErrKey) || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: %v, want %q", c.text, err, c.err)
		case c.err != "" && key != [RecoveryKeySize]byte{}:
			t.Errorf("%q: a key beside an error", c.text)
		}
	}
	key, err := RecoveryKey(goodRecovery)
	if err != nil || le.Uint16(key[:]) != 482548/11 || le.Uint16(key[14:]) != 361845/11 {
		t.Errorf("%x, %v", key, err)
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Kind{
		goodRecovery:                     RecoveryPassword,
		"anaconda":                       Password,
		"12345678":                       Password,
		"12-34-56":                       Password,
		"482548-408683-386023-032725 ok": Password,
		" leading blank":                 Password,

		goodRecovery + "\n":                             RecoveryPassword,
		strings.ReplaceAll(goodRecovery, "-", "\u2013"): RecoveryPassword,
	} {
		if s, err := ParseSecret(text); err != nil || s.Kind() != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", goodRecovery[:54] + "6", goodRecovery[:54]} {
		if _, err := ParseSecret(text); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"2019-11-22-33", goodRecovery[:34], strings.Repeat("1", 47)} {
		if s, err := ParseSecret(text); err != nil || s.Kind() != Password || !errors.Is(s.doubt, ErrKey) {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
}

// saved is what Windows saves of a recovery password.
const saved = "BitLocker Drive Encryption recovery key\r\n\r\nIdentifier:\r\n\r\n\t3FD763F9-74C7-4E90-8FA2-1F6A2E2B4E0C\r\n\r\nRecovery Key:\r\n\r\n\t" + goodRecovery + "\r\n"

func TestParseKeyFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data []byte
		want []Kind
	}{
		"recovery password":    {[]byte(goodRecovery + "\n"), []Kind{RecoveryPassword}},
		"password":             {[]byte("correct horse £\r\n"), []Kind{Password}},
		"password with a mark": {append(bytes.Clone(utf8Mark), "x"...), []Kind{Password}},
		"saved by Windows":     {append(bytes.Clone(utf16Mark), utf16Bytes(saved)...), []Kind{RecoveryPassword}},
		"two":                  {[]byte(saved + saved), []Kind{RecoveryPassword, RecoveryPassword}},
		"BEK":                  {bekBytes(), []Kind{KeyFile}},
		"empty":                {nil, nil},
		"two lines":            {[]byte("a\nb\n"), nil},
		"bytes":                {[]byte{1, 0, 2, 0}, nil},
		"not UTF-8":            {[]byte{0xff, 0x41}, nil},
		"mistyped":             {[]byte(strings.Replace(saved, "386023", "386024", 1)), nil},
		"too long":             {make([]byte, MaxKeyFile+1), nil},
		"BEK without a key":    {bekHeader(), nil},
	} {
		secrets, err := ParseKeyFile(c.data)
		if len(c.want) == 0 {
			if !errors.Is(err, ErrKey) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || len(secrets) != len(c.want) {
			t.Errorf("%s: %d, %v", name, len(secrets), err)
			continue
		}
		for i, s := range secrets {
			if s.Kind() != c.want[i] {
				t.Errorf("%s: %v", name, s.Kind())
			}
		}
	}
}

func bekHeader() []byte {
	b := make([]byte, datasetHeader+16)
	le.PutUint32(b[bekVersionOff:], bekVersion)
	le.PutUint32(b[bekHeaderOff:], datasetHeader)
	return b
}

// bekBytes is a key file with a key of zeros.
func bekBytes() []byte {
	key := make([]byte, datumHeader+keyBytesOff+externalSize)
	le.PutUint16(key, uint16(len(key)))
	le.PutUint16(key[4:], uint16(typeKey))
	d := make([]byte, datumHeader+externalDatumOff)
	le.PutUint16(d, uint16(len(d)+len(key)))
	le.PutUint16(d[2:], uint16(roleStartupKey))
	le.PutUint16(d[4:], uint16(typeExternalKey))
	return slices.Concat(bekHeader()[:datasetHeader], d, key)
}

func TestErase(t *testing.T) {
	t.Parallel()
	s := NewPassword("secret")
	s.keep(make([]byte, 16), []byte{1, 2, 3})
	key := s.stretched[string(make([]byte, 16))]
	s.Erase()
	if s.hash != [32]byte{} || !bytes.Equal(key, make([]byte, 3)) || len(s.stretched) != 0 {
		t.Error("something is left")
	}
}

func TestProtectorWords(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind]string{
		TPM: "TPM", TPM | pin: "TPM and PIN", TPM | KeyFile: "TPM and startup key", TPM | pin | KeyFile: "TPM and PIN and startup key",
		RecoveryPassword: "recovery password", 0x4000: "unknown protector 0x4000",
	} {
		if got := kind.String(); got != want {
			t.Errorf("0x%04x: %q, want %q", uint16(kind), got, want)
		}
	}
	p := Protector{ID: GUID{0xf9, 0x63, 0xd7, 0x3f, 0xc7, 0x74, 0x90, 0x4e, 0x8f, 0xa2, 0x1f, 0x6a, 0x2e, 0x2b, 0x4e, 0x0c}, Kind: RecoveryPassword}
	if p.String() != "recovery password {3FD763F9-74C7-4E90-8FA2-1F6A2E2B4E0C}" || p.KeyID() != "3FD763F9" {
		t.Errorf("%v, %s", p, p.KeyID())
	}
	for _, e := range []struct {
		err  LockedError
		want string
	}{
		{LockedError{Protectors: []Protector{{Kind: TPM}, p}}, "key ID 3FD763F9"},
		{LockedError{Protectors: []Protector{p, {Kind: RecoveryPassword}}}, "key ID 3FD763F9 or 00000000:"},
		{LockedError{Protectors: []Protector{{Kind: TPM}, {Kind: Password}}}, "give its password"},
		{LockedError{Protectors: []Protector{{Kind: TPM}}}, "only the machine's own"},
	} {
		if got := e.err.LookFor(); !strings.Contains(got, e.want) {
			t.Errorf("%v: %q", e.err, got)
		}
		if e.err.Openable() != (len(e.err.Protectors) > 1) {
			t.Errorf("%v: openable %v", e.err, e.err.Openable())
		}
	}
}
