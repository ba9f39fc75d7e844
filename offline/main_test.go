package offline

import (
	"os"
	"testing"
)

// TestObey: the first signal asks for an end, the second is one.
func TestObey(t *testing.T) {
	t.Parallel()
	signals, asked, status := make(chan os.Signal), make(chan bool), make(chan int)
	go obey(signals, func() { asked <- true }, func(s int) { status <- s })
	signals <- os.Interrupt
	<-asked
	select {
	case s := <-status:
		t.Fatalf("exit %d at the first signal", s)
	case signals <- os.Interrupt:
	}
	const interrupted = 130
	if s := <-status; s != interrupted {
		t.Errorf("exit %d at the second signal, want %d", s, interrupted)
	}
}
