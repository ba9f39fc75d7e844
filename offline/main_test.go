package offline

import (
	"os"
	"testing"

	"hangkit/offline/internal/ui"
)

// TestObey: the first signal asks for an end, the second is one.
func TestObey(t *testing.T) {
	t.Parallel()
	signals, asked, status := make(chan os.Signal), make(chan bool), make(chan ui.Status)
	go obey(signals, func() { asked <- true }, status)
	signals <- os.Interrupt
	<-asked
	select {
	case s := <-status:
		t.Fatalf("exit %d at the first signal", s)
	case signals <- os.Interrupt:
	}
	if s := <-status; s != ui.Interrupted {
		t.Errorf("exit %d at the second signal, want %d", s, ui.Interrupted)
	}
}
