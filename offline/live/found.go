package live

import "encoding/json"

// foundWindows tells from the document of hangkit list whether there is anything to work
// on: a Windows, or a volume locked by BitLocker, which may hold one.
func foundWindows(document []byte) bool {
	var list struct {
		Targets []struct {
			Volumes []struct {
				Windows   []json.RawMessage `json:"windows"`
				BitLocker json.RawMessage   `json:"bitlocker"`
			} `json:"volumes"`
		} `json:"targets"`
	}
	if json.Unmarshal(document, &list) != nil {
		return false
	}
	for _, t := range list.Targets {
		for _, v := range t.Volumes {
			if len(v.Windows) > 0 || len(v.BitLocker) > 0 {
				return true
			}
		}
	}
	return false
}
