package live

import (
	"fmt"
	"strings"
)

// printable makes text from a device or a disk harmless on any console: what is not
// printable ASCII becomes a dot.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, s)
}

// size shows bytes in the largest unit that leaves a number before the point.
func size(bytes int64) string {
	const step = 1024
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, unit := float64(bytes), 0
	for f >= step && unit < len(units)-1 {
		f, unit = f/step, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}
