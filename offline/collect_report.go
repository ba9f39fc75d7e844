package offline

import "context"

// writeReport writes report.html and report.txt into the bundle.
func (c *collection) writeReport(context.Context) error { return nil }
