package live

import (
	"fmt"
	"strings"
)

// commandLine is what the kernel is started with. The last console is the one that gets what init
// prints before it has opened them all; the screen is the one people look at.
func (m *medium) commandLine() string {
	words := []string{"console=ttyS0,115200"}
	if m.arch.name == "arm64" {
		words = append(words, "console=ttyAMA0,115200")
	}
	words = append(words, "console=tty0", "quiet", "panic=30", "hangkit.medium="+m.build)
	if m.o.Run != "" {
		words = append(words, fmt.Sprintf(`hangkit.run="%s"`, m.o.Run))
	}
	return strings.Join(append(words, m.o.Append...), " ")
}

// verbose is the command line with the kernel's messages.
func verbose(line string) string {
	return strings.Replace(line, " quiet ", " loglevel=7 ", 1)
}

// bootDelay is how long the menu waits, in seconds.
const bootDelay = 3

const (
	titleStart   = "hangkit - get a memory dump out of this machine"
	titleVerbose = "hangkit, with the messages of the kernel"
	titleLocal   = "Start from this machine's own disk"
)

// grubConfig finds the files by the marker that only this build has: another stick of Debian's
// must not be taken for it. GRUB's own serial port is skipped where there is none.
func (m *medium) grubConfig() []byte {
	entry := func(id, title, line string) string {
		return fmt.Sprintf("menuentry %s --id %s {\n\tlinux /%s %s\n\tinitrd /%s\n}\n", grubQuote(title), id, kernelFile, grubWords(line), initrdFile)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "search --no-floppy --set=root --file /%s\n", m.marker())
	b.WriteString("if serial --unit=0 --speed=115200; then\n\tterminal_input console serial\n\tterminal_output console serial\nfi\n")
	fmt.Fprintf(&b, "set default=start\nset timeout=%d\n", bootDelay)
	line := m.commandLine()
	b.WriteString(entry("start", titleStart, line))
	b.WriteString(entry("verbose", titleVerbose, verbose(line)))
	fmt.Fprintf(&b, "menuentry %s --id local {\n\texit 1\n}\n", grubQuote(titleLocal))
	b.WriteString("menuentry 'Firmware settings' --id firmware {\n\tfwsetup\n}\n")
	return []byte(b.String())
}

// grubQuote quotes a word for GRUB's shell-like language.
func grubQuote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// grubWords quotes each word of a command line: GRUB takes quotes away, and what has blanks in it
// is quoted by GRUB again for the kernel.
func grubWords(line string) string {
	words := splitCommandLine(line)
	for i, w := range words {
		if strings.ContainsAny(w, " ;$\\'\"{}|&<>#") {
			words[i] = grubQuote(w)
		}
	}
	return strings.Join(words, " ")
}

// splitCommandLine takes a kernel command line apart: blanks within double quotes do not divide,
// and the quotes themselves are gone.
func splitCommandLine(line string) []string {
	quoted := false
	words := strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], `"`, "")
	}
	return words
}

// isolinuxConfig is the same menu for machines with a BIOS.
func (m *medium) isolinuxConfig() []byte {
	entry := func(id, line string) string {
		return fmt.Sprintf("label %s\n\tkernel /%s\n\tinitrd /%s\n\tappend %s\n", id, kernelFile, initrdFile, line)
	}
	line := m.commandLine()
	var b strings.Builder
	b.WriteString("serial 0 115200\nsay " + titleStart + "\n")
	b.WriteString("say Enter starts. Type verbose for kernel messages, local for the own disk.\n")
	fmt.Fprintf(&b, "default start\nprompt 1\ntimeout %d\n", bootDelay*10)
	b.WriteString(entry("start", line))
	b.WriteString(entry("verbose", verbose(line)))
	b.WriteString("label local\n\tlocalboot 0x80\n")
	return []byte(b.String())
}
