package offline

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"hangkit/offline/internal/ui"
	"hangkit/offline/target"
)

// stickVariable is the environment variable that names the folder of the rescue stick where
// results go. The live medium sets it where its data partition is mounted, and startnet.cmd in
// Windows PE.
const stickVariable = "HANGKIT_STICK"

// liveVariable is set where hangkit runs from a live medium: the root file system is memory.
const liveVariable = "HANGKIT_LIVE"

// stickPrefix begins the name of a folder on the stick.
const stickPrefix = "stick:"

// errNoStick is the error of everybody who wants to write to a stick that is not there.
var errNoStick = errors.New("there is no stick to write to")

// onStick turns stick: and stick:dir into a folder of the rescue stick. Other names are left
// alone.
func onStick(name string) (string, error) {
	rest, ok := strings.CutPrefix(name, stickPrefix)
	if !ok {
		return name, nil
	}
	root, err := stick()
	if err != nil {
		return "", err
	}
	if rest == "" {
		return root, nil
	}
	if rest = filepath.FromSlash(rest); !filepath.IsLocal(rest) {
		return "", ui.Fail(ui.Usage, fmt.Errorf("%q leads away from the stick", name), "name a folder below it: -o stick:case-4711")
	}
	return filepath.Join(root, rest), nil
}

// stick is the folder of the rescue stick.
func stick() (string, error) {
	root := os.Getenv(stickVariable)
	if root == "" {
		return "", ui.Fail(ui.NotFound, fmt.Errorf("%w: %s is not set", errNoStick, stickVariable), noStickHints()...)
	}
	info, err := os.Stat(root)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", root)
	}
	if err != nil {
		return "", ui.Fail(ui.NotFound, fmt.Errorf("%w: %s: %w", errNoStick, stickVariable, err), "was it taken away? Put it back and start again", "or name another folder: -o")
	}
	if isLive() && target.InMemory(root) {
		return "", ui.Fail(ui.NotFound, fmt.Errorf("%w: %s is in memory, and gone when the machine is switched off", errNoStick, root), noStickHints()...)
	}
	return root, nil
}

func noStickHints() []string {
	if isLive() {
		return []string{"this medium has no data partition in reach: hangkit menu makes one in the free room of a stick", "or mount a disk and name the folder: -o"}
	}
	return []string{"only the rescue stick and its menu set it: name a folder with -o", "or set " + stickVariable + " to the folder that is to be the stick"}
}

// isLive tells whether hangkit runs from a live medium.
func isLive() bool { return os.Getenv(liveVariable) != "" }

// hasStick tells whether results go to the stick where nothing else is said.
func hasStick() bool { return os.Getenv(stickVariable) != "" }

// recordFolder is where undo records go where nothing else is said: on the stick, else here.
func recordFolder() (string, error) {
	if !hasStick() {
		return "", nil
	}
	return stick()
}

// passing says what becomes of an undo record that is written to memory.
func passing(record string) string {
	if !isLive() || !target.InMemory(filepath.Dir(record)) {
		return ""
	}
	return "no stick is there: the record's file is in memory, and gone when this machine is switched off; what is left then is the copy in the registry"
}
