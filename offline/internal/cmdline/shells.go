package cmdline

import _ "embed" // of the scripts

// The scripts that teach a shell hangkit's command line. Each asks the program itself what
// fits, "hangkit __complete", so that a script that was installed once knows what the
// program of today can do.
var (
	//go:embed hangkit.bash
	bash string
	//go:embed hangkit.zsh
	zsh string
	//go:embed hangkit.fish
	fish string
	//go:embed hangkit.ps1
	powershell string
)

// Script is the completion script of a shell: bash, zsh, fish or powershell.
func Script(shell string) (text string, ok bool) {
	text, ok = map[string]string{"bash": bash, "zsh": zsh, "fish": fish, "powershell": powershell}[shell]
	return text, ok
}
