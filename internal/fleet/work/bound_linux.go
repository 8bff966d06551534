package work

import (
	"os"
	"syscall"
)

// bound limits the data of this process (private writable memory: what the Go heap
// really has, not the addresses that it reserves), and offers it to the kernel as the
// first to end when the machine's memory does.
func bound(memory int64) error {
	os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where there is no /proc, the limit alone is there
	limit := syscall.Rlimit{Cur: uint64(memory), Max: uint64(memory)}
	return syscall.Setrlimit(syscall.RLIMIT_DATA, &limit)
}
