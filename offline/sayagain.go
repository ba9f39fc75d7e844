package offline

import (
	"fmt"
	"strings"

	"hangkit/offline/target"
)

// sayAgain is what of a command line has to be said again so that the next command opens the
// same target in the same way.
type sayAgain struct {
	keyFiles     []string // that unlock it
	image        ImageFlags
	acceptLocked bool
}

// again is what the user said that the target was opened with.
func (k *keyring) again(t *target.Target) sayAgain {
	a := sayAgain{keyFiles: k.filesFor(t)}
	if k.globals != nil {
		a.image, a.acceptLocked = k.globals.Image, k.globals.AcceptLocked
	}
	return a
}

// reading are the flags for a command that reads, each behind a space.
func (a sayAgain) reading() string {
	var text strings.Builder
	text.WriteString(a.image.again())
	for _, name := range a.keyFiles {
		text.WriteString(" --bitlocker-key " + quotePath(name))
	}
	return text.String()
}

// writing are those for one that writes.
func (a sayAgain) writing() string {
	if a.acceptLocked {
		return a.reading() + " --accept-locked"
	}
	return a.reading()
}

// flagsAgain are those of the scan that an installation was found by.
func (o *opened) flagsAgain() sayAgain {
	if o.scan == nil {
		return sayAgain{}
	}
	return o.scan.again
}

// commandTarget is how the next command names the same installation.
func commandTarget(o *opened) string { return o.named(o.flagsAgain().reading()) }

// writeTarget is commandTarget for a command that writes.
func writeTarget(o *opened) string { return o.named(o.flagsAgain().writing()) }

// named is the target with flags, and which of its installations is meant.
func (o *opened) named(flags string) string {
	text := quotePath(o.Volume.Target.Name) + flags
	switch n := o.Volume.Image(); {
	case n > 0 && len(o.Volume.Target.Volumes) > 1:
		return text + fmt.Sprintf(" --index %d", n)
	case o.alone():
		return text
	}
	return text + fmt.Sprintf(" --install %d", o.local)
}

// checkTarget is commandTarget with the memory size that check would have to be told again.
func checkTarget(o *opened) string { return commandTarget(o) + o.memoryAgain() }

// armTarget is the same for arm.
func armTarget(o *opened) string { return writeTarget(o) + o.memoryAgain() }

func (o *opened) memoryAgain() string {
	if o.ram == unknownMemory {
		return ""
	}
	return " --ram " + sizeText(o.ram)
}
