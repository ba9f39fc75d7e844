//go:build linux

package boottest

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"
)

// QMP is QEMU's control socket.
type QMP struct {
	conn    net.Conn
	mu      sync.Mutex
	answers *json.Decoder
}

// qmpPatience is how long QEMU may take to answer.
const qmpPatience = 30 * time.Second

// NewQMP shakes hands with QEMU.
func NewQMP(conn net.Conn) (*QMP, error) {
	q := &QMP{conn: conn, answers: json.NewDecoder(conn)}
	if err := conn.SetDeadline(time.Now().Add(qmpPatience)); err != nil {
		return nil, fmt.Errorf("QMP: %w", err)
	}
	var greeting struct {
		QMP json.RawMessage
	}
	if err := q.answers.Decode(&greeting); err != nil {
		return nil, fmt.Errorf("QMP greeting: %w", err)
	}
	return q, q.Do("qmp_capabilities", nil, nil)
}

// Do runs a command and decodes what it returns into result, if that is not nil.
func (q *QMP) Do(command string, arguments map[string]any, result any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.conn.SetDeadline(time.Now().Add(qmpPatience)); err != nil {
		return fmt.Errorf("QMP: %w", err)
	}
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	returned, err := q.answer()
	if err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(returned, result); err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	return nil
}

// answer reads the next answer, over events.
func (q *QMP) answer() (json.RawMessage, error) {
	for {
		var reply struct {
			Return json.RawMessage `json:"return"`
			Event  string          `json:"event"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		if err := q.answers.Decode(&reply); err != nil {
			return nil, err
		}
		switch {
		case reply.Error != nil:
			return nil, fmt.Errorf("QEMU refuses: %s", reply.Error.Desc)
		case reply.Event == "":
			return reply.Return, nil
		}
	}
}

// Screendump saves what the VGA console shows as PNG.
func (q *QMP) Screendump(file string) error {
	return q.Do("screendump", map[string]any{"filename": file, "format": "png"}, nil)
}

// Key presses keys of the machine's own keyboard together, by QEMU's names: "ret", "a".
func (q *QMP) Key(names ...string) error {
	var keys []map[string]string
	for _, name := range names {
		keys = append(keys, map[string]string{"type": "qcode", "data": name})
	}
	return q.Do("send-key", map[string]any{"keys": keys}, nil)
}

// Writes is how many writes a disk has finished: those of the n-th of the setup.
func (q *QMP) Writes(n int) (int, error) {
	var all []struct {
		Device string `json:"qdev"`
		Stats  struct {
			Writes int `json:"wr_operations"`
		} `json:"stats"`
	}
	if err := q.Do("query-blockstats", nil, &all); err != nil {
		return 0, err
	}
	id := fmt.Sprintf("disk%d", n)
	for _, b := range all {
		if b.Device == id || b.Device == "/machine/peripheral/"+id || b.Device == "/machine/peripheral/"+id+"/virtio-backend" {
			return b.Stats.Writes, nil
		}
	}
	return 0, fmt.Errorf("QMP query-blockstats: no disk %s", id)
}

// How long QEMU may take to save or load the state of a machine.
const (
	statePatience = 2 * time.Minute
	statePoll     = 50 * time.Millisecond
)

// Save stops the machine and saves its state, but not its disks.
func (q *QMP) Save(file string) error {
	if err := q.Do("stop", nil, nil); err != nil {
		return err
	}
	if err := q.Do("migrate", map[string]any{"uri": "exec:cat >'" + file + "'"}, nil); err != nil {
		return err
	}
	return q.await("query-migrate", "completed")
}

// Running waits until a resumed machine runs. It was saved while it was stopped.
func (q *QMP) Running() error {
	if err := q.await("query-status", "paused"); err != nil {
		return err
	}
	return q.Do("cont", nil, nil)
}

func (q *QMP) await(query, status string) error {
	for end := time.Now().Add(statePatience); ; time.Sleep(statePoll) {
		var state struct{ Status string }
		if err := q.Do(query, nil, &state); err != nil || state.Status == status {
			return err
		}
		if state.Status == "failed" || time.Now().After(end) {
			return fmt.Errorf("QMP %s: %s, want %s", query, state.Status, status)
		}
	}
}
