//go:build unix

package costs

import (
	"syscall"
	"time"
)

// spent is the processor time of this process: a busy machine does not count.
func spent() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
