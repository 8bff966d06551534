package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// lockedBuffer is written to by a command that the test no longer waits for.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestDeadlines: a command that heeds neither its time nor a signal, because what
// it reads never comes, ends with exit 1 and the reason.
func TestDeadlines(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		signals int
		grace   time.Duration
		want    string
	}{
		"scan's time":     {[]string{"scan", "--timeout", "50ms", "-"}, 0, 50 * time.Millisecond, "the time of --timeout is over, and the command did not end within 50ms"},
		"sbom's time":     {[]string{"sbom", "--timeout", "50ms", "-"}, 0, 50 * time.Millisecond, "the time of --timeout is over"},
		"reach's time":    {[]string{"reach", "--timeout", "50ms", "-"}, 0, 50 * time.Millisecond, "the time of --timeout is over"},
		"lint's time":     {[]string{"lint", "--timeout", "50ms", "-"}, 0, 50 * time.Millisecond, "the time of --timeout is over"},
		"a signal":        {[]string{"scan", "--timeout", "0", "-"}, 1, 50 * time.Millisecond, "interrupted (terminated), and the command did not end within 50ms"},
		"a second signal": {[]string{"scan", "-"}, 2, time.Hour, "interrupted (terminated), and a second signal came: ended at once"},
	} {
		t.Run(name, func(t *testing.T) {
			never, end := io.Pipe()
			dir, err := os.MkdirTemp("", "careen-deadline-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) }) // not t.TempDir: a command that is given up may still write there
			defer end.Close()                       // it ends with the test
			signals := make(chan os.Signal, 2)
			if c.signals > 0 {
				signals <- syscall.SIGTERM
				signals <- syscall.SIGTERM // which is the same
			}
			if c.signals > 1 {
				time.AfterFunc(2*sameSignal, func() { signals <- syscall.SIGTERM })
			}
			var stdout, stderr lockedBuffer
			args := append(c.args, "--cache-dir", filepath.Join(dir, "cache"))
			if code := supervise(t.Context(), signals, c.grace, args, nil, never, &stdout, &stderr); code != exitFailed {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(stderr.String(), c.want) {
				t.Errorf("%q, want %q", stderr.String(), c.want)
			}
		})
	}
}

// TestSignalIsHeeded: a command that can end does, and says why.
func TestSignalIsHeeded(t *testing.T) {
	signals := make(chan os.Signal, 1)
	signals <- os.Interrupt
	var stdout, stderr lockedBuffer
	code := supervise(t.Context(), signals, time.Hour, []string{"scan", "--cache-dir", t.TempDir(), "dir:/usr"}, nil, &bytes.Buffer{}, &stdout, &stderr)
	if code != exitFailed || !strings.Contains(stderr.String(), "careen: interrupted") || stdout.String() != "" {
		t.Errorf("exit %d, %q, %q", code, stderr.String(), stdout.String())
	}
}

// TestEveryVerbHasATimeout: and takes the word of the configuration for it.
func TestEveryVerbHasATimeout(t *testing.T) {
	root := (&command{}).root()
	for _, verb := range root.Commands() {
		if verb.InheritedFlags().Lookup("timeout") == nil {
			t.Errorf("careen %s has no --timeout", verb.Name())
		}
	}
}

// TestCollectLate: after the first collection the collector works as usual.
func TestCollectLate(t *testing.T) {
	limit, percent := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(percent) }()
	collectLate()
	if got := debug.SetMemoryLimit(-1); got != firstCollection && got != softMemory { // softMemory: one came already
		t.Errorf("the limit is %d", got)
	}
	for began := time.Now(); debug.SetMemoryLimit(-1) != softMemory; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Since(began) > time.Minute {
			t.Fatal("the first collection changed nothing")
		}
	}
}
