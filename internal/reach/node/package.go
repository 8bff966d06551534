package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
)

// nodePackage is what Node and npm read of a package.json
// (https://nodejs.org/api/packages.html).
type nodePackage struct {
	Name    string
	Main    string
	Module  bool        // "type": "module"
	Exports *exportNode // nil: none, every file can be loaded
	Imports *exportNode
	Bin     map[string]string // a single one has the name ""
	Scripts map[string]string
	Needs   []string // of dependencies, peerDependencies and optionalDependencies
}

// exportNode is a value in "exports" or "imports", the order of keys kept, for
// the first condition that holds counts.
type exportNode struct {
	target string // of a string; "" is null or anything else: not exported
	list   []exportNode
	keys   []string // of an object
	values []exportNode
}

// Bounds of a package.json.
const (
	maxPackageJSON  = 4 << 20
	maxExportDepth  = 32
	maxExportValues = 50_000
)

// readPackageJSON reads a package.json. Fields of the wrong type are ignored,
// as Node does.
func readPackageJSON(data []byte) (*nodePackage, error) {
	if len(data) > maxPackageJSON {
		return nil, errors.New("package.json is too large")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &fields); err != nil {
		return nil, err
	}
	p := &nodePackage{Bin: map[string]string{}}
	get := func(name string, into any) bool {
		raw, ok := fields[name]
		return ok && json.Unmarshal(raw, into) == nil
	}
	var kind, bin string
	get("name", &p.Name)
	get("main", &p.Main)
	get("type", &kind)
	p.Module = kind == "module"
	get("scripts", &p.Scripts)
	if get("bin", &bin) {
		p.Bin[""] = bin
	} else {
		get("bin", &p.Bin)
	}
	for _, field := range []string{"dependencies", "peerDependencies", "optionalDependencies"} {
		var names map[string]string
		get(field, &names)
		for name := range names {
			p.Needs = append(p.Needs, name)
		}
	}
	slices.Sort(p.Needs)
	p.Exports = readExports(fields["exports"])
	p.Imports = readExports(fields["imports"])
	return p, nil
}

func readExports(raw json.RawMessage) *exportNode {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	budget := maxExportValues
	node, err := decodeExport(json.NewDecoder(bytes.NewReader(raw)), 0, &budget)
	if err != nil {
		return nil
	}
	return &node
}

func decodeExport(d *json.Decoder, depth int, budget *int) (exportNode, error) {
	if *budget--; *budget < 0 || depth > maxExportDepth {
		return exportNode{}, errors.New("too many exports")
	}
	tok, err := d.Token()
	if err != nil {
		return exportNode{}, err
	}
	var n exportNode
	switch tok := tok.(type) {
	case string:
		n.target = tok
	case json.Delim:
		for d.More() {
			if tok == '{' {
				key, err := d.Token()
				if err != nil {
					return n, err
				}
				n.keys = append(n.keys, key.(string))
			}
			value, err := decodeExport(d, depth+1, budget)
			if err != nil {
				return n, err
			}
			if tok == '{' {
				n.values = append(n.values, value)
			} else {
				n.list = append(n.list, value)
			}
		}
		_, err = d.Token()
	}
	return n, err
}

// resolveExports returns the targets of a subpath ("." or "./x"; "#x" for
// imports) under conditions: PACKAGE_EXPORTS_RESOLVE and
// PACKAGE_IMPORTS_RESOLVE of https://nodejs.org/api/esm.html. A target that
// depends on Node's version comes with its alternative. Targets may end in "*",
// when the subpath's variable part is not known: subpath then ends in "*" too.
func (n *exportNode) resolveExports(subpath string, conditions func(string) bool) []string {
	if len(n.keys) == 0 || !strings.HasPrefix(n.keys[0], ".") && !strings.HasPrefix(n.keys[0], "#") {
		if subpath != "." {
			return nil
		}
		return n.targets("", conditions)
	}
	best, value := -1, ""
	for i, key := range n.keys {
		if key == subpath {
			return n.values[i].targets("", conditions)
		}
		before, after, pattern := strings.Cut(key, "*")
		if !pattern && strings.HasSuffix(key, "/") { // a folder, before Node 17
			before, after, pattern = key, "", true
		}
		if !pattern || !strings.HasPrefix(subpath, before) || !strings.HasSuffix(subpath, after) || len(subpath) < len(before)+len(after) {
			continue
		}
		if best < 0 || len(before) > len(strings.Split(n.keys[best], "*")[0]) {
			best, value = i, subpath[len(before):len(subpath)-len(after)]
		}
	}
	if best < 0 {
		return nil
	}
	targets := n.values[best].targets(value, conditions)
	if strings.HasSuffix(n.keys[best], "/") {
		for i := range targets {
			targets[i] += value
		}
	}
	return targets
}

// targets returns what a value leads to under conditions.
func (n *exportNode) targets(value string, conditions func(string) bool) []string {
	if n.target != "" {
		return []string{strings.ReplaceAll(n.target, "*", value)}
	}
	for i := range n.list {
		if found := n.list[i].targets(value, conditions); len(found) > 0 {
			return found
		}
	}
	var all []string
	for i, key := range n.keys {
		if key != "default" && !conditions(key) {
			continue
		}
		found := n.values[i].targets(value, conditions)
		all = append(all, found...)
		if len(found) > 0 && !sometimes(key) {
			break
		}
	}
	return all
}

// sometimes reports whether a condition holds in some versions of Node, or in
// what stands in for it, and not in others.
func sometimes(condition string) bool {
	switch condition {
	case "module-sync", "node", "node-addons", "import", "require", "default":
		return condition == "module-sync" || condition == "node-addons"
	}
	return true
}

// splitPackageName splits "@scope/name/sub/path" into the name of the package
// and "./sub/path", or ".".
func splitPackageName(spec string) (name, subpath string) {
	n := strings.IndexByte(spec, '/')
	if n > 0 && spec[0] == '@' {
		if m := strings.IndexByte(spec[n+1:], '/'); m >= 0 {
			n += 1 + m
		} else {
			n = -1
		}
	}
	if n < 0 {
		return spec, "."
	}
	return spec[:n], "." + path.Clean("/"+spec[n:])
}

// isNodeBuiltin reports whether a name is one of Node's own modules, which
// come before those in files. Node's list is module.builtinModules.
func isNodeBuiltin(name string) bool {
	if strings.HasPrefix(name, "node:") {
		return true
	}
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram",
		"diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net",
		"os", "path", "perf_hooks", "process", "querystring", "readline", "repl", "stream", "sys", "timers", "tls",
		"trace_events", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib":
		switch name {
		case first, "assert/strict", "dns/promises", "fs/promises", "inspector/promises", "path/posix", "path/win32",
			"readline/promises", "stream/consumers", "stream/promises", "stream/web", "timers/promises", "util/types":
			return true
		}
	}
	return false
}
