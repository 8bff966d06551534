//go:build !linux

package confine

import "fmt"

var errLinux = fmt.Errorf("%w: only Linux has what it takes", ErrUnavailable)

// Available reports what is missing; on this system everything.
func Available() error { return errLinux }

// Process is a program that was started; on this system none is.
type Process struct{}

// Start starts nothing on this system.
func (p *Program) Start() (*Process, error) { return nil, errLinux }

// Ended reports whether the program has ended.
func (p *Process) Ended() (exit int, ended bool) { return 0, true }

// Output is what the program wrote.
func (p *Process) Output() string { return "" }

// Opened lists the files that were opened.
func (p *Process) Opened() (files []string, complete bool) { return nil, false }

// Failed says why the program was not started.
func (p *Process) Failed() error { return errLinux }

// Close ends the program.
func (p *Process) Close() {}

// RemoveGroup removes what a run left behind.
func RemoveGroup(string) {}
