package crypt

// variants are the cipher in every way that this processor has.
func variants(c *aesCipher) []*aesCipher {
	list := []*aesCipher{c}
	if wide, ok := c.groups.(*wideKeys); ok {
		list = append(list, &aesCipher{c.Block, &wide.roundKeys})
	}
	return list
}
