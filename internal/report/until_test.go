package report

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// ending is a writer whose first write ends a context.
type ending struct {
	bytes.Buffer
	end context.CancelCauseFunc
}

var errOutOfTime = errors.New("out of time")

func (e *ending) Write(p []byte) (int, error) {
	e.end(errOutOfTime)
	return e.Buffer.Write(p)
}

// TestEncodersEndInTime ends the time when a format begins to write of many
// findings: it stops with the cause, and is not written to its end.
func TestEncodersEndInTime(t *testing.T) {
	d := &Document{Reports: []*Report{big()}}
	tried := 0
	for _, f := range Formats() {
		if f.write == nil || f.Name == "template" || !strings.Contains(f.Verbs, "scan") {
			continue
		}
		var whole bytes.Buffer
		if err := f.Write(&whole, d); err != nil || whole.Len() < 256<<10 {
			continue // formats of what this report has none of
		}
		ctx, end := context.WithCancelCause(context.Background())
		w := &ending{end: end}
		if err := f.Write(Until(ctx, w), d); !errors.Is(err, errOutOfTime) {
			t.Errorf("%s: %v after %d of %d bytes", f.Name, err, w.Len(), whole.Len())
		}
		tried++
	}
	if tried < 8 {
		t.Errorf("only %d formats were tried", tried)
	}
}
