package store

import (
	"strings"

	"github.com/careen/careen/internal/lazy"
)

// dialect is what the two databases call differently. Queries are written once,
// with PostgreSQL's $1 for arguments and these words in double braces:
//
//	{{list $1}}            rows with a column v, of a JSON list of numbers
//	{{texts $1}}           the same of texts
//	{{rows $1: a int, b text}}  rows of a JSON list of objects, named x
//	{{hashes $1}}          the same of hashes
//	{{id}} {{blob}} {{ints}} {{hash}}    types of columns
//	{{holding k}}          joins m, rows of image_set: the sets z that have the key k
//	{{share}}              holds the row read against change
type dialect struct {
	name  string
	words map[string]func(arg string) string
}

var postgres = dialect{"postgres", map[string]func(string) string{
	"list": func(a string) string {
		return "(select v::bigint as v from jsonb_array_elements_text(" + a + "::jsonb) as e(v))"
	},
	"texts": func(a string) string { return "(select v from jsonb_array_elements_text(" + a + "::jsonb) as e(v))" },
	"rows": func(a string) string {
		arg, columns, _ := strings.Cut(a, ":")
		return "jsonb_to_recordset(" + arg + "::jsonb) as x(" + columns + ")"
	},
	"hashes": func(a string) string {
		return "(select v::uuid as v from jsonb_array_elements_text(" + a + "::jsonb) as e(v))"
	},
	"id":   func(string) string { return "int generated always as identity primary key" },
	"hash": func(string) string { return "uuid" },
	"blob": func(string) string { return "bytea" },
	"ints": func(string) string { return "int[]" },
	"holding": func(k string) string {
		return "join lateral (select s.id as set_id from keyset s where s.keys @> array[" + k + "::int] union all select -" + k + "::int) z on true join image_set m on m.set_id = z.set_id"
	},
	"share": func(string) string { return " for share" },
	"toints": func(a string) string {
		return "(select coalesce(array_agg(v::int), '{}') from jsonb_array_elements_text(" + a + "::jsonb) as e(v))"
	},
	"rowid": func(string) string { return "" },
}}

var sqlite = dialect{"sqlite", map[string]func(string) string{
	"list":  func(a string) string { return "(select value as v from json_each(" + a + "))" },
	"texts": func(a string) string { return "(select value as v from json_each(" + a + "))" },
	"rows": func(a string) string {
		arg, columns, _ := strings.Cut(a, ":")
		var list []string
		for c := range strings.SplitSeq(columns, ",") {
			name := strings.Fields(c)[0]
			list = append(list, "json_extract(value,'$."+name+"') as "+name)
		}
		return "(select " + strings.Join(list, ", ") + " from json_each(" + arg + ")) as x"
	},
	"hashes": func(a string) string { return "(select value as v from json_each(" + a + "))" },
	"id":     func(string) string { return "integer primary key autoincrement" },
	"hash":   func(string) string { return "text" },
	"blob":   func(string) string { return "blob" },
	"ints":   func(string) string { return "text" },
	"holding": func(k string) string {
		return "join key_set z on z.key_id = " + k + " join image_set m on m.set_id = z.set_id"
	},
	"share":  func(string) string { return "" }, // one writer at a time
	"toints": func(a string) string { return a },
	"rowid":  func(string) string { return " without rowid" },
}}

var (
	word     = lazy.Regexp(`\{\{([a-z]+) ?([^{}]*)\}\}`)
	argument = lazy.Regexp(`\$([0-9]+)`)
)

// rewrite says a query in the database's own words.
func (d *dialect) rewrite(query string) string {
	query = word().ReplaceAllStringFunc(query, func(m string) string {
		part := word().FindStringSubmatch(m)
		return d.words[part[1]](part[2])
	})
	if d == &sqlite {
		query = argument().ReplaceAllString(query, "?$1")
	}
	return query
}
