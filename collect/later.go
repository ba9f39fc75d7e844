package collect

import "time"

// installation tells the dumps of one Windows from those of another. What its registry
// says of its last run is the same in all its places.
type installation struct {
	place    *Place // where nothing is known of the last run
	bootID   uint32
	shutdown time.Time
}

func installationOf(p *Place) installation {
	if p.LastShutdown.IsZero() {
		return installation{place: p}
	}
	return installation{bootID: p.BootID, shutdown: p.LastShutdown}
}

// lastSaved is the latest of the dumps that a Windows has saved, or made of itself
// while it ran.
type lastSaved struct {
	bootID uint32
	time   time.Time
}

// noteLaterBoots tells the dumps that lie where the kernel wrote them whether their
// Windows came to save a later one: its session manager has then seen them, and left
// them there.
func noteLaterBoots(all []*Candidate) {
	saved := map[installation]lastSaved{}
	for _, c := range all {
		if c.provesBoot() {
			of := installationOf(c.Place)
			saved[of] = saved[of].with(c)
		}
	}
	for _, c := range all {
		c.leftBehind = c.Source.raw() && c.Header != nil && saved[installationOf(c.Place)].follows(c)
	}
}

// provesBoot reports whether a Windows had to start after this crash, or go on, for
// the file to be there. Into a folder of programs anybody may have copied it, and a
// Windows that was set aside counted its own boots.
func (c *Candidate) provesBoot() bool {
	return c.Header != nil && !c.Source.raw() && c.Source != SourceProgram && !isFormer(c.Path)
}

func (s lastSaved) with(c *Candidate) lastSaved {
	s.bootID = max(s.bootID, c.Header.BootID.Value)
	if t := c.Header.SystemTime; t.Known && t.Value.After(s.time) {
		s.time = t.Value
	}
	return s
}

func (s lastSaved) follows(c *Candidate) bool {
	boot, crash := c.Header.BootID, c.Header.SystemTime
	return boot.Known && s.bootID > boot.Value || crash.Known && s.time.After(crash.Value)
}
