package feed

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/vulndb"
)

// maxEPSS bounds the scores as they expand; today's have 10 MB.
const maxEPSS = 1 << 30

// parseEPSS reads FIRST.org's scores (https://www.first.org/epss/data_stats):
// a comment with the model's version and the scores' date, a header, and one
// row for each CVE.
func parseEPSS(r io.Reader, o *out) error {
	lines := bufio.NewScanner(io.LimitReader(r, maxEPSS))
	lines.Buffer(make([]byte, 64<<10), 64<<10)
	header := false
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimRight(lines.Text(), "\r")
		switch {
		case line == "":
			continue
		case line[0] == '#':
			for _, part := range strings.Split(line[1:], ",") {
				if value, ok := strings.CutPrefix(part, "score_date:"); ok {
					date, err := parseScoreDate(value)
					if err != nil {
						return err
					}
					o.date(date)
				}
			}
			continue
		case !header:
			if line != "cve,epss,percentile" {
				return fmt.Errorf("line %d: header %.60q: want cve,epss,percentile", n, line)
			}
			header = true
			continue
		}
		o.read++
		e, err := parseScore(line)
		if err != nil {
			o.skip(fmt.Sprintf("line %d", n), err)
			continue
		}
		if o.enrich(e); o.stop != nil {
			return o.stop
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	if !header {
		return errors.New("no header: not EPSS scores")
	}
	return nil
}

func parseScore(line string) (vulndb.Enrichment, error) {
	cve, rest, _ := strings.Cut(line, ",")
	score, percentile, ok := strings.Cut(rest, ",")
	if !ok {
		return vulndb.Enrichment{}, fmt.Errorf("row %.60q: want three columns", line)
	}
	if err := checkCVE(cve); err != nil {
		return vulndb.Enrichment{}, err
	}
	s, err1 := strconv.ParseFloat(score, 64)
	p, err2 := strconv.ParseFloat(percentile, 64)
	if err1 != nil || err2 != nil || !(s >= 0 && s <= 1) || !(p >= 0 && p <= 1) {
		return vulndb.Enrichment{}, fmt.Errorf("row %.60q: score and percentile are not between 0 and 1", line)
	}
	return vulndb.Enrichment{ID: cve, EPSS: &finding.EPSS{Score: s, Percentile: p}}, nil
}
