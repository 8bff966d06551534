package catalog

import (
	"path"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
	"github.com/careen/careen/internal/sbom"
)

// isErlangApp wants application resource files of Erlang and Elixir programs:
// lib/NAME-VERSION/ebin/NAME.app.
func isErlangApp(h *rootfs.Header, _ []byte) bool {
	return strings.HasSuffix(h.Path, ".app") && path.Base(path.Dir(h.Path)) == "ebin"
}

var (
	erlangName    = lazy.Regexp(`\{\s*application\s*,\s*'?([A-Za-z0-9_@.-]+)'?\s*,`)
	erlangVersion = lazy.Regexp(`\{\s*vsn\s*,\s*"([^"]+)"\s*\}`)
)

// parseErlangApp reads {application, NAME, [{vsn, "VERSION"}, …]}
// (https://www.erlang.org/doc/man/app.html). Applications of Erlang/OTP itself
// have names of their own in advisories, those of Hex the others.
func parseErlangApp(data []byte) ([]sbom.Package, error) {
	name, version := erlangName().FindSubmatch(data), erlangVersion().FindSubmatch(data)
	if name == nil || version == nil {
		return nil, nil
	}
	switch app := string(name[1]); {
	case app == "rabbit": // the server itself, which is not on Hex
		return []sbom.Package{language("bitnami", "rabbitmq", string(version[1]))}, nil
	case isOTP(app):
		return []sbom.Package{language("otp", app, string(version[1]))}, nil
	default:
		return []sbom.Package{language("hex", app, string(version[1]))}, nil
	}
}

// isOTP reports whether an application is part of Erlang/OTP or of Elixir's own
// distribution.
func isOTP(name string) bool {
	switch name {
	case "asn1", "common_test", "compiler", "crypto", "debugger", "dialyzer", "diameter", "edoc", "eldap", "erl_docgen", "erl_interface",
		"erts", "et", "eunit", "ftp", "inets", "jinterface", "kernel", "megaco", "mnesia", "observer", "odbc", "os_mon", "parsetools",
		"public_key", "reltool", "runtime_tools", "sasl", "snmp", "ssh", "ssl", "stdlib", "syntax_tools", "tftp", "tools", "wx", "xmerl",
		"elixir", "eex", "ex_unit", "iex", "logger", "mix":
		return true
	}
	return false
}
