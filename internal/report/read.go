package report

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNotReport says that bytes are not what WriteJSON writes.
var ErrNotReport = errors.New("not a report of careen scan -f json")

// ReadJSON reads what WriteJSON wrote: one report or several. The error is
// ErrNotReport, or wraps what is wrong with the JSON.
func ReadJSON(data []byte) ([]*Report, error) {
	var reports []*Report
	if err := json.Unmarshal(data, &reports); err != nil {
		one := &Report{}
		if err := json.Unmarshal(data, one); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotReport, err)
		}
		reports = []*Report{one}
	}
	for _, r := range reports {
		if r == nil || r.Schema != Schema {
			return nil, ErrNotReport
		}
	}
	return reports, nil
}
