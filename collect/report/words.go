package report

import (
	"fmt"
	"time"
)

// size writes bytes for people.
func size(n int64) string {
	if n < 1<<10 {
		return count(uint64(max(n, 0)), "byte", "bytes")
	}
	f, unit := float64(n)/(1<<10), 0
	const units = "KMGTPE"
	for f >= 1<<10 && unit < len(units)-1 {
		f, unit = f/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %ciB", f, units[unit])
}

func count(n uint64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + more
}

// thousands writes a number with its thousands apart.
func thousands(n uint64) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// percent is a share without a false 0 or 100.
func percent(part, whole uint64) string {
	switch {
	case whole == 0 || part == 0:
		return "0 %"
	case part >= whole:
		return "100 %"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case p < 0.1:
		return "under 0.1 %"
	case p > 99.9:
		return "over 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", p)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// span is a time between two events, for people.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%d min", d.Round(time.Minute)/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < 60*day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	}
	return count(uint64(d/day), "day", "days")
}
