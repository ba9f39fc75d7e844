package ui

import "fmt"

var sizeUnits = []string{"KiB", "MiB", "GiB", "TiB"}

// FormatSize writes a number of bytes for people: 512 bytes, 4.0 KiB, 931.5 GiB.
func FormatSize(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	f, unit := float64(n)/1024, 0
	for f >= 1024 && unit < len(sizeUnits)-1 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", f, sizeUnits[unit])
}
