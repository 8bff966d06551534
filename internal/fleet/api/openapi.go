package api

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
	"github.com/careen/careen/internal/lazy"
)

type object = map[string]any

// answers are the schemas of what is answered and taken, by name.
func answers() map[string]any {
	list := func(name string, of any) object {
		return object{"type": "object", "required": []string{name}, "properties": object{name: object{"type": "array", "items": of}}}
	}
	text, number, flag := object{"type": "string"}, object{"type": "integer"}, object{"type": "boolean"}
	return map[string]any{
		"Overview":      with(schemaOf(store.Overview{}), "generation", number),
		"Images":        with(list("images", schemaOf(store.ImageRow{})), "next", text),
		"Image":         schemaOf(store.ImageRow{}),
		"Report":        object{"description": "what careen scan writes in the format"},
		"Verdict":       schemaOf(Verdict{}),
		"Vulnerability": schemaOf(store.Vulnerability{}),
		"Packages":      with(list("versions", schemaOf(store.Installed{})), "name", text),
		"Unjudged":      with(list("packages", schemaOf(store.Unjudged{})), "next", text),
		"Events":        with(with(list("events", schemaOf(store.Event{})), "next", text), "generation", number),
		"Trend":         list("days", schemaOf(store.Point{})),
		"Difference":    object{"description": "what careen diff -f json writes"},
		"Policies":      list("policies", schemaOf(store.Policy{})),
		"NewPolicy": object{"type": "object", "required": []string{"repos", "failOn"}, "properties": object{"repos": text, "owner": text,
			"failOn": object{"type": "string", "examples": []string{"high,kev"}}}},
		"Exceptions": list("exceptions", schemaOf(store.Exception{})),
		"NewException": object{"type": "object", "required": []string{"vulnerability", "repos", "reason", "until"}, "properties": object{
			"vulnerability": text, "package": text, "repos": text, "owner": text, "reason": text, "until": object{"type": "string", "format": "date"}}},
		"Hooks": list("hooks", schemaOf(store.Hook{})),
		"NewHook": object{"type": "object", "required": []string{"url", "secret", "repos", "kinds"}, "properties": object{"url": text, "secret": text, "repos": text,
			"kinds": object{"type": "string", "examples": []string{"critical,exploited,fixable"}}}},
		"Notification": object{"type": "object", "description": "as the registry sends it; ?registry=HOST takes the place of the name by which it knows itself"},
		"Generations":  list("generations", schemaOf(store.Generation{})),
		"Sources":      list("sources", schemaOf(store.Source{})),
		"NewSource": object{"type": "object", "required": []string{"pattern"}, "properties": object{
			"pattern": text, "platform": text, "every": object{"type": "string", "examples": []string{"1h"}}}},
		"Added":    object{"type": "object", "properties": object{"id": number}},
		"Done":     object{"type": "object", "properties": object{"done": flag}},
		"NewScans": object{"type": "object", "required": []string{"references"}, "properties": object{"references": object{"type": "array", "items": text}, "platform": text}},
		"List":     object{"description": "references, one a line, or the JSON of pods"},
		"Queued":   object{"type": "object", "properties": object{"queued": number}},
		"Jobs":     list("jobs", schemaOf(queue.Info{})),
		"Failures": list("failures", schemaOf(store.Failure{})),
		"Audit":    list("audit", schemaOf(store.Noted{})),
		"Document": object{"type": "object"},
		"Error":    object{"type": "object", "required": []string{"error"}, "properties": object{"error": text}},
	}
}

func with(o object, name string, of any) object {
	o["properties"].(object)[name] = of
	return o
}

// schemaOf describes a value as encoding/json writes it.
func schemaOf(v any) object { return schemaOfType(reflect.TypeOf(v)) }

func schemaOfType(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOfType(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": schemaOfType(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	}
	if t.PkgPath() == "time" {
		return object{"type": "string", "format": "date-time"}
	}
	properties, required := object{}, []string{}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		properties[name] = schemaOfType(t.Field(i).Type)
		if !strings.Contains(options, "omitempty") {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}
}

var inPath = lazy.Regexp(`\{([a-z]+)\}`)

func (a *API) openAPI(*request) (any, error) {
	b, err := json.MarshalIndent(Document(a.Version), "", "  ")
	return document{"application/json", b}, err
}

// Document is the OpenAPI 3.1 document of the interface.
func Document(version string) any {
	paths := object{}
	for _, e := range endpoints() {
		parameters := []any{}
		for _, name := range inPath().FindAllStringSubmatch(e.path, -1) {
			parameters = append(parameters, object{"name": name[1], "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		for _, p := range e.query {
			parameters = append(parameters, object{"name": p.name, "in": "query", "description": p.about, "schema": object{"type": "string"}})
		}
		ref := func(name string) object { return object{"$ref": "#/components/schemas/" + name} }
		failure := object{"description": "what is wrong", "content": object{"application/json": object{"schema": ref("Error")}}}
		op := object{
			"summary": e.summary, "operationId": operation(e), "parameters": parameters, "security": []any{object{"token": []string{}}},
			"description": "Role: " + e.role.String() + ".",
			"responses": object{
				"200":     object{"description": "the answer", "content": object{"application/json": object{"schema": ref(e.answer)}}},
				"default": failure,
			},
		}
		if e.body != "" {
			op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": ref(e.body)}}}
		}
		at, _ := paths[e.path].(object)
		if at == nil {
			at = object{}
			paths[e.path] = at
		}
		at[strings.ToLower(e.method)] = op
	}
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "careend", "version": version, "description": "A registry scanned once and judged whenever advisories change."},
		"paths":   paths,
		"components": object{
			"schemas":         answers(),
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer"}},
		},
	}
}

func operation(e endpoint) string {
	name := strings.ToLower(e.method)
	for part := range strings.SplitSeq(strings.TrimPrefix(e.path, "/v1/"), "/") {
		part = strings.Trim(strings.TrimSuffix(part, ".json"), "{}")
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	return name
}
