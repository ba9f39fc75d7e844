package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"hangkit/image"
	"hangkit/image/bitlocker"
	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// keyVariable is where a script can leave a key that must not be written to a file.
const keyVariable = "HANGKIT_BITLOCKER_KEY"

// keyHint says how a key is given. On a command line others could see it.
const keyHint = "give the recovery password, the password or the .BEK file: --bitlocker-key FILE, or " + keyVariable + " in the environment; on a terminal you are asked for it"

// keyring is what the user gave to unlock BitLocker volumes with. It goes with the context to
// wherever a target is opened, and is read when the first one is.
type keyring struct {
	talk    *ui.UI
	globals *Globals
	loaded  bool
	secrets []*bitlocker.Secret
}

type keyringKey struct{}

// withKeys lends the command a keyring. It has to be erased.
func withKeys(ctx context.Context, talk *ui.UI, globals *Globals) (context.Context, *keyring) {
	k := &keyring{talk: talk, globals: globals}
	return context.WithValue(ctx, keyringKey{}, k), k
}

// keysOf is never nil: where nobody lent one, it is empty.
func keysOf(ctx context.Context) *keyring {
	if k, ok := ctx.Value(keyringKey{}).(*keyring); ok {
		return k
	}
	return &keyring{loaded: true}
}

// imageOptions are what the user said about the image that is opened.
func (k *keyring) imageOptions() image.Options {
	if k.globals == nil {
		return image.Options{}
	}
	return k.globals.Image.options()
}

// load reads the keys that the user named.
func (k *keyring) load() error {
	if k.loaded {
		return nil
	}
	k.loaded = true
	for _, name := range k.globals.BitLockerKey {
		secrets, err := readKeyFile(name)
		if err != nil {
			return fmt.Errorf("--bitlocker-key %s: %w", name, err)
		}
		k.secrets = append(k.secrets, secrets...)
	}
	text := os.Getenv(keyVariable)
	if text == "" {
		return nil
	}
	for line := range strings.Lines(text) { // one key, or one a line for several volumes
		secret, err := bitlocker.ParseSecret(strings.TrimRight(line, "\r\n"))
		if err != nil {
			return fmt.Errorf("%s: %w", keyVariable, err)
		}
		k.secrets = append(k.secrets, secret)
	}
	return nil
}

// readKeyFile reads a key from a file or a pipe.
func readKeyFile(name string) ([]*bitlocker.Secret, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, bitlocker.MaxKeyFile+1))
	defer clear(data)
	if err != nil {
		return nil, err
	}
	return bitlocker.ParseKeyFile(data)
}

// erase forgets the keys.
func (k *keyring) erase() {
	for _, s := range k.secrets {
		s.Erase()
	}
}

// unlock tries the keys on the target's locked volumes. Without such a volume no key is read:
// one in the environment may be meant for another disk.
func (k *keyring) unlock(ctx context.Context, t *target.Target) error {
	if k.globals != nil {
		t.AcceptLocked = k.globals.AcceptLocked
	}
	if !slices.ContainsFunc(t.Volumes, (*target.Volume).Locked) {
		return nil
	}
	if err := k.load(); err != nil {
		return err
	}
	if len(k.secrets) == 0 {
		return nil
	}
	_, err := t.Unlock(ctx, k.secrets...)
	return err
}

// filesFor are the key files to be named again for the target: those of a volume under
// BitLocker, if they are still there then. A pipe is not.
func (k *keyring) filesFor(t *target.Target) []string {
	if k.globals == nil || !slices.ContainsFunc(t.Volumes, func(v *target.Volume) bool { return v.BitLocker != nil }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(k.globals.BitLockerKey), func(name string) bool {
		info, err := os.Stat(name)
		return err != nil || !info.Mode().IsRegular()
	})
}

// attempts is how often a key is asked for.
const attempts = 3

// askForKey asks for a key where nothing but a locked volume is in reach. Without a terminal
// the volume's own error says what is missing.
func (s *scan) askForKey(ctx context.Context) error {
	k := keysOf(ctx)
	if k.talk == nil || !s.onlyLocked() {
		return nil
	}
	asking, err := k.talk.Secrets(ctx)
	if errors.Is(err, ui.ErrNotAsked) {
		return nil
	}
	if err != nil {
		return err
	}
	defer asking.Close()
	for n := 0; n < attempts && s.onlyLocked(); n++ {
		text, err := asking.Ask(ctx, lockedWords(s.locked())+"recovery password or password (it is not shown): ")
		if err != nil || text == "" {
			return err
		}
		if err := s.try(ctx, k, text); err != nil {
			return err
		}
	}
	return nil
}

// onlyLocked tells whether there is no Windows in reach unless behind a lock.
func (s *scan) onlyLocked() bool { return len(s.installs) == 0 && len(s.locked()) > 0 }

// lockedHints say of each locked volume among the reasons which key to look for, and how one is
// given if there can be one.
func lockedHints(reasons []error) []string {
	var hints []string
	openable := false
	for _, r := range reasons {
		if e, ok := errors.AsType[*bitlocker.LockedError](r); ok {
			hints = append(hints, e.LookFor())
			openable = openable || e.Openable()
		}
	}
	if openable {
		hints = append(hints, keyHint)
	}
	return hints
}

// warnLocked says where another Windows may be, if none was asked for by its number.
func (s *scan) warnLocked(ctx context.Context, number int) {
	k := keysOf(ctx)
	if number != 0 || len(s.installs) == 0 || k.talk == nil {
		return
	}
	for _, v := range s.locked() {
		k.talk.Warnf("%s is locked and may hold another Windows\n", printable(v.Label()))
	}
}

func lockedWords(volumes []*target.Volume) string {
	var words strings.Builder
	for _, v := range volumes {
		fmt.Fprintf(&words, "%s: %s\n", printable(v.Label()), printable(v.Err.Error()))
	}
	return words.String()
}

// locked are the volumes that a key would open.
func (s *scan) locked() []*target.Volume {
	var list []*target.Volume
	for _, t := range s.targets {
		for _, v := range t.Volumes {
			if e, ok := errors.AsType[*bitlocker.LockedError](v.Err); ok && e.Openable() {
				list = append(list, v)
			}
		}
	}
	return list
}

// try unlocks what the typed key opens. A mistyped one is said to be so and can be typed again.
func (s *scan) try(ctx context.Context, k *keyring, text string) error {
	secret, err := bitlocker.ParseSecret(text)
	if err != nil {
		k.talk.Warnf("%s\n", err)
		return nil
	}
	k.secrets = append(k.secrets, secret)
	for _, t := range s.targets {
		opened, err := t.Unlock(ctx, secret)
		if err != nil {
			return err
		}
		for _, v := range opened {
			if v.FS != nil {
				s.find(v)
			}
		}
	}
	return nil
}

// bitLockerJSON is what an encrypted volume says of itself.
type bitLockerJSON struct {
	Unlocked    bool            `json:"unlocked"`
	Suspended   bool            `json:"suspended,omitempty"` // it opens without a key
	Method      string          `json:"method,omitempty"`
	State       string          `json:"state"`
	ID          string          `json:"id"`
	Description string          `json:"description,omitempty"`
	Protectors  []protectorJSON `json:"protectors"`
	Damage      []string        `json:"damage,omitempty"` // of copies of its metadata
	ReadOnly    string          `json:"read_only,omitempty"`
	Mounted     string          `json:"mounted,omitempty"`    // where this Windows has the volume
	KeysTried   int             `json:"keys_tried,omitempty"` // and none of them opens it

	lookFor   string // where its key may be
	byWindows bool   // unlocked by the Windows that hangkit runs on
}

type protectorJSON struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	KeyID string `json:"key_id"` // as recovery screens and key escrows show it
}

func describeBitLocker(v *target.Volume) *bitLockerJSON {
	b := v.BitLocker
	if b == nil {
		return nil
	}
	j := &bitLockerJSON{
		Unlocked: !v.Locked(), Suspended: b.Suspended(), State: b.State().String(), ID: b.ID().String(),
		Description: b.Description(), Protectors: []protectorJSON{}, Mounted: v.SeenAs, byWindows: v.Shown != "",
	}
	if b.Method().Known() {
		j.Method = b.Method().String()
	}
	for _, p := range b.Protectors() {
		j.Protectors = append(j.Protectors, protectorJSON{p.Kind.String(), p.ID.String(), p.KeyID()})
	}
	for _, err := range b.Damage {
		j.Damage = append(j.Damage, err.Error())
	}
	if err := v.NotWritten(); err != nil {
		j.ReadOnly = err.Error()
	}
	if locked, ok := errors.AsType[*bitlocker.LockedError](v.Err); ok {
		j.KeysTried, j.lookFor = locked.Tried, locked.LookFor()
	}
	return j
}

func printBitLocker(talk *ui.UI, j *bitLockerJSON) {
	talk.Printf("      BitLocker: %s\n", j.words())
	for _, p := range j.Protectors {
		talk.Printf("          key ID %s: %s {%s}\n", p.KeyID, p.Kind, p.ID)
	}
	if j.lookFor != "" {
		talk.Printf("          %s\n", j.lookFor)
	}
	if !j.Unlocked && j.Mounted != "" {
		talk.Printf("          this Windows has it as %s, locked, too: %s, or --bitlocker-key FILE\n", printable(j.Mounted), unlockCommand(j.Mounted))
	}
	for _, d := range j.Damage {
		talk.Printf("          a copy of its metadata is damaged: %s\n", d)
	}
	if j.ReadOnly != "" {
		talk.Printf("          it is read, not written: %s\n", j.ReadOnly)
	}
}

// unlockCommand is how Windows unlocks a volume that it has at these places, the first of
// which is a letter if it has one.
func unlockCommand(mounts string) string {
	place, _, _ := strings.Cut(mounts, ", ")
	if letter, ok := strings.CutSuffix(place, `:\`); ok && len(letter) == 1 {
		return "manage-bde -unlock " + letter + ": -recoverypassword PASSWORD"
	}
	return "manage-bde -unlock, once it has a letter (diskpart: assign)"
}

// words is the state of the lock in a line.
func (j *bitLockerJSON) words() string {
	words := "locked"
	switch {
	case j.KeysTried > 0:
		words += ", and no given key opens it"
	case j.Unlocked && j.Suspended:
		words = "open, for its protection is suspended"
	case j.byWindows:
		words = "unlocked by this Windows, as " + printable(j.Mounted)
	case j.Unlocked:
		words = "unlocked"
	}
	if j.Method != "" {
		words += ", " + j.Method
	}
	if j.State != bitlocker.Encrypted.String() {
		words += ", " + j.State
	}
	if j.Description != "" {
		words += ", " + printable(j.Description)
	}
	return words
}
