package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/secret"
)

// progressEvery is how often the line is drawn at most.
const progressEvery = 100 * time.Millisecond

// progress draws one line on a terminal and takes it away again. A nil
// *progress draws nothing, so callers need not ask.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	width int
	last  time.Time
	drawn bool
}

// progressLine returns a progress for stderr, nil where none is wanted.
func (c *command) progressLine() *progress {
	width, ok := terminal(c.stderr)
	if !ok || c.quiet || c.noProgress || c.env["CI"] != "" || c.env["TERM"] == "dumb" {
		return nil
	}
	w := c.stderr
	if guarded, ok := w.(*secret.Writer); ok {
		w = guarded.Unwrap() // the line has no end
	}
	return &progress{w: w, width: width}
}

// show draws "what ████░░░ 1.2 of 3.4 GB"; total 0 means that it is not known.
func (p *progress) show(what string, done, total int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < progressEvery {
		return
	}
	p.last, p.drawn = time.Now(), true
	line := fmt.Sprintf("%s %s", escape(what), bytesText(done))
	if total > 0 {
		const cells = 24
		filled := int(cells * min(done, total) / total)
		line = fmt.Sprintf("%s %s%s %s of %s", escape(what), strings.Repeat("█", filled), strings.Repeat("░", cells-filled), bytesText(done), bytesText(total))
	}
	if runes := []rune(line); len(runes) >= p.width {
		line = string(runes[:p.width-1])
	}
	fmt.Fprintf(p.w, "\r%s\x1b[K", line)
}

// clear takes the line away.
func (p *progress) clear() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// bytesText writes a size for people.
func bytesText(n int64) string { return safetext.Bytes(n) }
