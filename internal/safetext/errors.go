package safetext

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/lazy"
)

// Error writes an error for people: what a library calls its function or its
// reader is left out.
func Error(err error) string {
	text := err.Error()
	replace := func(old, new string) { text = strings.ReplaceAll(text, old, new) }
	visitErrors(err, func(err error) {
		switch e := err.(type) {
		case *fs.PathError:
			plain := e.Path + ": " + e.Err.Error()
			replace(e.Error(), plain)
			replace(e.Path+": "+plain, plain)
			replace(fmt.Sprintf("%q: ", e.Path)+plain, plain)
		case *os.LinkError:
			replace(e.Error(), e.New+": "+e.Err.Error())
		case *os.SyscallError:
			replace(e.Error(), e.Err.Error())
		case *strconv.NumError:
			replace(e.Error(), fmt.Sprintf("%q is not a number", e.Num))
		case *time.ParseError:
			replace(e.Error(), fmt.Sprintf("%q is not a date", e.Value))
		case *json.SyntaxError:
			if strings.Contains(e.Error(), "max depth") {
				replace(e.Error(), "JSON that is nested too deep")
			}
			replace(e.Error(), fmt.Sprintf("not JSON, or damaged, at byte %d", e.Offset))
		case *url.Error:
			replace(e.Error(), e.Err.Error())
		case *net.OpError:
			plain := e.Err.Error()
			if e.Addr != nil && !strings.Contains(plain, e.Addr.String()) {
				plain = e.Addr.String() + ": " + plain
			}
			replace(e.Error(), plain)
			if e.Addr != nil {
				replace(e.Addr.String()+": "+e.Addr.String()+": ", e.Addr.String()+": ")
			}
		case *net.DNSError:
			replace(e.Error(), fmt.Sprintf("no address of %s is known (%s)", e.Name, e.Err))
		case *json.UnmarshalTypeError:
			replace(e.Error(), fmt.Sprintf("JSON that has %s where %s belongs, at byte %d", e.Value, jsonKind(e.Type), e.Offset))
		}
	})
	return librarySyntax().ReplaceAllStringFunc(text, func(found string) string {
		m := librarySyntax().FindStringSubmatch(found)
		plain := m[1] + "not " + strings.ToUpper(m[2]) + ", or damaged: "
		if m[3] != "" {
			plain += "line " + m[3] + ": "
		}
		return plain
	})
}

// librarySyntax is how the readers of YAML and TOML begin, with the line if they
// know it.
var librarySyntax = lazy.Regexp(`(^|: )(yaml|toml): (?:line (\d+): )?`)

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	}
	return "a number"
}

// visitErrors calls visit for an error and all that it wraps.
func visitErrors(err error, visit func(error)) {
	if err == nil {
		return
	}
	visit(err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		visitErrors(e.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			visitErrors(one, visit)
		}
	}
}
