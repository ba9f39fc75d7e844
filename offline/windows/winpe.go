package windows

import "strings"

// PEDrive is the drive letter of the memory that Windows PE runs from.
const PEDrive = 'X'

// The marks of Windows PE, which it has before its first start too.
const (
	peEdition = "WindowsPE" // EditionID and InstallationType
	peProduct = "Windows PE"
	peShell   = "winpeshl.exe" // what Setup\CmdLine starts in place of a logon
)

// isWinPE tells Windows PE from an installed Windows.
func isWinPE(v Version, r *reader) bool {
	if strings.EqualFold(v.Edition, peEdition) || strings.EqualFold(v.Type, peEdition) {
		return true
	}
	command, _ := r.values("Setup").Text("CmdLine")
	program, _, _ := strings.Cut(command, " ")
	return strings.EqualFold(program[strings.LastIndex(program, `\`)+1:], peShell)
}
