package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// defaultTimeout is that of every verb but those of db, which may have
	// gigabytes to fetch.
	defaultTimeout = 15 * time.Minute
	// grace is how long a command may take to end when it should.
	grace = 10 * time.Second
	// sameSignal is how far apart two signals are that mean one: timeout(1) sends
	// one to the process and one to its group.
	sameSignal = 300 * time.Millisecond
)

// Main runs one command and returns its exit code. Everything that goes wrong is
// one line on stderr. The first signal interrupts the command, the second ends
// it, as do ten seconds after the first, or after the time of --timeout: then
// Main returns although the command has not. nil is no signals.
func Main(signals <-chan os.Signal, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
		if os.Getenv("GOGC") == "" {
			collectLate()
		}
	}
	return supervise(context.Background(), signals, grace, args, env, stdin, stdout, stderr)
}

// collectLate has the collector begin when the process holds firstCollection, and
// work as usual after that: collections of a heap that is still small are a
// quarter of the processor time of a scan whose layers are known.
func collectLate() {
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(firstCollection)
	unused := new([64]byte) // found to be so by the first collection
	runtime.AddCleanup(unused, func(struct{}) {
		debug.SetGCPercent(100)
		debug.SetMemoryLimit(softMemory)
	}, struct{}{})
}

// supervise runs one command, and does not wait for one that should have ended
// long ago: whatever an image makes it do, the process ends.
func supervise(ctx context.Context, signals <-chan os.Signal, grace time.Duration, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &command{env: map[string]string{}, stdin: stdin, stdout: stdout, stderr: stderr, clock: make(chan context.Context, 1)}
	for _, kv := range env {
		if key, value, ok := strings.Cut(kv, "="); ok {
			c.env[key] = value
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan int, 1)
	go func() { done <- c.run(ctx, args) }()

	var late <-chan struct{} // closed when the time of --timeout is over
	var reason string
	for reason == "" {
		select {
		case code := <-done:
			return code
		case timed := <-c.clock:
			late = timed.Done()
		case <-late:
			reason = "the time of --timeout is over"
		case s := <-signals:
			reason = fmt.Sprintf("interrupted (%s)", s)
			cancel()
		case <-ctx.Done():
			reason = "interrupted"
		}
	}
	since := time.Now()
	over := time.After(grace)
	for {
		select {
		case code := <-done:
			return code
		case <-signals:
			if time.Since(since) < sameSignal {
				continue
			}
			fmt.Fprintf(stderr, "\ncareen: %s, and a second signal came: ended at once\n", reason)
		case <-over:
			fmt.Fprintf(stderr, "\ncareen: %s, and the command did not end within %s: ended\n", reason, grace)
		}
		return exitFailed
	}
}

// startClock gives a command the time of --timeout.
func (c *command) startClock(cmd *cobra.Command) {
	limit := c.timeout
	if !cmd.Flags().Changed("timeout") && strings.HasPrefix(cmd.CommandPath(), "careen db ") {
		limit = 0
	}
	if limit <= 0 {
		return
	}
	timed, cancel := context.WithTimeoutCause(cmd.Context(), limit, fmt.Errorf("not done after %s; --timeout sets more", limit))
	context.AfterFunc(cmd.Context(), cancel) // which ends with the command
	cmd.SetContext(timed)
	c.timed = timed
	c.clock <- timed
}

// overtime says of an error that came of the end of the time, that it did.
func (c *command) overtime(err error) error {
	if c.timed == nil || c.timed.Err() == nil {
		return err
	}
	cause := context.Cause(c.timed).Error()
	text := strings.ReplaceAll(err.Error(), context.DeadlineExceeded.Error(), cause)
	if !strings.Contains(text, cause) {
		text = cause + ": " + text
	}
	return errors.New(text)
}
