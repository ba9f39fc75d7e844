package windows

// maxPrograms bounds the programs with error reporting settings of their own.
const maxPrograms = 1000

// ProgramDumpFolders are where Windows Error Reporting puts the dumps of programs, if a setting of the machine or of one
// program says so. What SOFTWARE cannot tell is none.
func (i *Installation) ProgramDumpFolders(f *Facts) []Path {
	h, err := i.Software()
	if err != nil {
		return nil // a bare hive, or damaged: the facts say so
	}
	const key = `Microsoft\Windows\Windows Error Reporting\LocalDumps`
	r := &reader{h: h}
	k := r.key(key)
	if k == nil {
		return nil
	}
	keys := []string{key}
	for program, err := range k.Subkeys() {
		if err != nil || len(keys) > maxPrograms {
			break
		}
		keys = append(keys, key+`\`+program.Name())
	}
	var folders []Path
	for _, key := range keys {
		s, _ := r.values(key).Text("DumpFolder")
		if p, ok := f.ExpandPath(s); ok {
			folders = append(folders, p)
		}
	}
	return folders
}
