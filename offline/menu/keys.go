package menu

import (
	"os"
	"slices"
	"strings"
)

// KeyVariable is the environment variable by which a command is given keys, one a line.
const KeyVariable = "HANGKIT_BITLOCKER_KEY"

// keys are what opens locked volumes. They are kept in memory, and given to the commands by
// their environment: on a command line, or in a file, others could read them.
type keys struct {
	secrets []string
	files   []string
}

func (k *keys) given() bool { return len(k.secrets)+len(k.files) > 0 }

// flags adds the key files to a command line.
func (k *keys) flags(args []string) []string {
	args = slices.Clone(args)
	for _, f := range k.files {
		args = append(args, "--bitlocker-key", f)
	}
	return args
}

// AddKeyFile adds the name of a file that holds a key.
func (m *Menu) AddKeyFile(name string) { m.keys.files = append(m.keys.files, name) }

// giveKey asks for a key and tries it.
func (m *Menu) giveKey() error {
	if len(m.found.locked) == 0 {
		m.line("Nothing is locked.")
		return m.pause()
	}
	text, err := m.secret()
	if err != nil {
		return err
	}
	before := m.keys
	switch st, err := os.Stat(text); {
	case err == nil && st.Mode().IsRegular():
		m.keys.files = append(slices.Clone(before.files), text)
	case strings.HasSuffix(fold(text), keyFileEnd):
		m.line("There is no such file.")
		return nil
	default:
		m.keys.secrets = append(slices.Clone(before.secrets), text)
	}
	still := len(m.found.locked)
	m.look()
	if len(m.found.locked) >= still {
		m.keys = before
		m.line("")
		m.line("That key opens none of the locked volumes. It is forgotten again.")
	}
	return nil
}

// keyFileEnd is how the name of a key file ends.
const keyFileEnd = ".bek"

// secret asks for a key. Nothing is shown from before the question on: a key may be typed, or
// pasted, as soon as it is known that it will be asked for.
func (m *Menu) secret() (string, error) {
	show, err := m.Hide(m.ctx)
	if err != nil {
		return "", err
	}
	defer show()
	m.line("")
	for _, l := range m.found.locked {
		m.text("Locked     ", l.words())
	}
	m.line("Type the recovery password (48 digits), the password, or a .BEK file's name.")
	text, err := m.askFresh("It is not shown (Enter: back): ")
	m.line("")
	if err == nil && text == "" {
		err = errBack
	}
	return text, err
}
