package key

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careen/careen/internal/match"
	"github.com/careen/careen/internal/sbom"
)

// TestEveryFieldIsInTheHash changes each field that judging can read, however deep,
// and holds that the key becomes another one and comes back whole.
func TestEveryFieldIsInTheHash(t *testing.T) {
	base := func() match.Key {
		return match.Key{Type: "deb", Name: "a", Version: "1", Release: &match.Release{Ecosystems: []string{"Debian:12"}}, Symbols: sbom.NewSymbols([]string{"f"})}
	}
	seen := map[string]string{}
	check := func(name string, k match.Key) {
		s, err := Encode(k)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[s.Hash]; ok {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[s.Hash] = name
		back, err := Decode(s, func(string) ([]byte, error) { return Functions(k.Symbols), nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(k, back); diff != "" {
			t.Errorf("%s comes back otherwise:\n%s", name, diff)
		}
	}
	check("base", base())
	fields := 0
	var change func(name string, of func(*match.Key) reflect.Value)
	change = func(name string, of func(*match.Key) reflect.Value) {
		k := base()
		v := of(&k)
		switch v.Kind() {
		case reflect.Pointer:
			change(name, func(k *match.Key) reflect.Value { return of(k).Elem() })
			return
		case reflect.Struct:
			for i := range v.NumField() {
				change(name+"."+v.Type().Field(i).Name, func(k *match.Key) reflect.Value { return of(k).Field(i) })
			}
			return
		case reflect.String:
			v.SetString("other")
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Uint8, reflect.Uint32:
			v.SetUint(1)
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		default:
			t.Fatalf("%s: a field of kind %s: say here how to change it, and see that its JSON is whole", name, v.Kind())
		}
		fields++
		check(name, k)
	}
	change("Key", func(k *match.Key) reflect.Value { return reflect.ValueOf(k).Elem() })
	if fields < 15 {
		t.Errorf("only %d fields were changed", fields)
	}
}

func TestWithoutNUL(t *testing.T) {
	for _, s := range []string{"", "a", "\x00", "a\x00b\x00", `\u0000`, `\` + "\x00", `\\u0000`, `"`} {
		doc, _ := json.Marshal(s)
		var got, want string
		if err := json.Unmarshal(WithoutNUL(doc), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		for _, r := range s {
			if r == 0 {
				r = '\ufffd'
			}
			want += string(r)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
