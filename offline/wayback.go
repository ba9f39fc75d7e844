package offline

// wayBackDocument names the files of the way back before the first write: where a power cut
// ends the command, its result never comes.
type wayBackDocument struct {
	Schema   string   `json:"schema"`
	Target   string   `json:"target"`
	Record   string   `json:"undo_record,omitempty"`
	OldBytes string   `json:"undo_bytes,omitempty"`
	Boot     string   `json:"boot_undo_bytes,omitempty"`
	Backup   string   `json:"backup,omitempty"`
	Commands []string `json:"commands"` // should the write be cut off
}

const wayBackSchema = "hangkit/way-back/1"

// announce names the way back where the result is JSON; for people it stands in the plan. That
// of a write that needs no old bytes is in the registry itself.
func (e *edit) announce(doc *editDocument, record string) error {
	boot := doc.Boot.oldBytes()
	if doc.OldBytes == "" && boot == "" {
		return nil
	}
	return e.talk.Aside(wayBackDocument{wayBackSchema, doc.Target, record, doc.OldBytes, boot, doc.Backup, e.waysBack(record)})
}

// announce does so for an edit of one hive.
func (e *hiveEdit) announce() error {
	if e.doc.OldBytes == "" {
		return nil
	}
	return e.talk.Aside(wayBackDocument{wayBackSchema, e.doc.Target, e.doc.Undo, e.doc.OldBytes, "", e.doc.Backup, e.waysBack()})
}
