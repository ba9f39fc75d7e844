package ntfs

// On is the change on another device, which holds what the plan was made on.
func (c *Change) On(dev Device) *Change {
	d := *c
	d.dev = dev
	return &d
}
