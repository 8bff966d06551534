package confine

import "runtime"

// Apart runs something on a thread of its own, which it may move into namespaces
// and which ends with it.
func Apart[T any](run func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		runtime.LockOSThread()
		value, err := run()
		done <- outcome{value, err}
	}()
	got := <-done
	return got.value, got.err
}
