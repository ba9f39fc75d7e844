package hive

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// workers is how many goroutines inParallel uses.
func workers() int { return runtime.GOMAXPROCS(0) }

// inParallel does n pieces of work, each by the next worker that is free. It hands out no more after
// an error, and gives the first one in the order of the pieces.
func inParallel(n int, work func(worker, piece int) error) error {
	var (
		group sync.WaitGroup
		next  atomic.Int64
		errs  = make([]error, n)
	)
	for worker := range workers() {
		group.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if errs[i] = work(worker, int(i)); errs[i] != nil {
					next.Store(int64(n))
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
