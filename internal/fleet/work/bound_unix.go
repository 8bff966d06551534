//go:build unix

package work

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a process into a group of its own: a signal of the terminal is not
// for it, and what it started ends with it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
