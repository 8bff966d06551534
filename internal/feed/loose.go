package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// looseText takes a JSON string, and the digits of a number; anything else is
// "".
type looseText string

func (t *looseText) UnmarshalJSON(data []byte) error {
	*t = ""
	switch {
	case len(data) > 0 && data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = looseText(s)
	case len(data) > 0 && (data[0] == '-' || data[0] >= '0' && data[0] <= '9'):
		*t = looseText(data)
	}
	return nil
}

// looseNumber takes a JSON number, or one in a string; anything else is 0.
type looseNumber float64

func (n *looseNumber) UnmarshalJSON(data []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(data), `"`), 64)
	if err != nil || v < 0 || v > 10 {
		v = 0
	}
	*n = looseNumber(v)
	return nil
}

// loose takes an object as far as it has the expected shape: free-form objects
// are allowed to differ.
type loose[T any] struct{ Value T }

func (l *loose[T]) UnmarshalJSON(data []byte) error {
	err := json.Unmarshal(data, &l.Value)
	if errors.As(err, new(*json.UnmarshalTypeError)) {
		return nil
	}
	return err
}

// expectDelim reads the bracket that has to come next, for documents that are
// read one element at a time.
func expectDelim(dec *json.Decoder, want json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("%v where %v should stand", token, want)
	}
	return nil
}
