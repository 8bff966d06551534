//go:build linux

// Command peak runs a program and prints how many bytes of memory it took at
// most. It holds little itself: Linux counts to a new process what its parent
// held when it was forked (getrusage(2)).
package main

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	if err := cmd.Run(); err != nil {
		os.Exit(1)
	}
	os.Stdout.WriteString(strconv.FormatInt(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10, 10))
}
