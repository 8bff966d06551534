package feed

import (
	"time"

	"github.com/careen/careen/internal/vulndb"
)

// out collects what a parser makes of one or more documents. Parsers only
// append to it; flush, where set, carries full chunks away while a long
// document is still being read.
type out struct {
	records     []vulndb.Record
	enrichments []vulndb.Enrichment
	read        int              // upstream records seen, good or bad
	bad         []badRecord      // those that could not be read
	left        map[string]int   // left out by rule: reason and count
	newest      time.Time        // the feed's own date, where it has one
	flush       func(*out) error // nil means keep everything
	stop        error            // what flush said
	file        string           // document being read, for bad records
}

// badRecord is a record that could not be read, and where it stands.
type badRecord struct{ file, reason string }

// chunk is how many records are handed on at once from inside a document.
const chunk = 2048

func (o *out) add(r vulndb.Record) {
	o.records = append(o.records, r)
	o.full()
}

func (o *out) enrich(e vulndb.Enrichment) {
	o.enrichments = append(o.enrichments, e)
	o.full()
}

func (o *out) full() {
	if o.flush == nil || len(o.records)+len(o.enrichments) < chunk || o.stop != nil {
		return
	}
	o.stop = o.flush(o)
}

// skip counts a record that could not be read; where is its place inside the
// document, if that is known.
func (o *out) skip(where string, err error) {
	file := o.file
	if where != "" {
		file += "!" + where
	}
	o.bad = append(o.bad, badRecord{file, err.Error()})
}

// leave counts what a rule leaves out.
func (o *out) leave(reason string, n int) {
	if o.left == nil {
		o.left = map[string]int{}
	}
	o.left[reason] += n
}

// date remembers the feed's own date if it is the newest so far.
func (o *out) date(t time.Time) {
	if t.After(o.newest) {
		o.newest = t
	}
}
