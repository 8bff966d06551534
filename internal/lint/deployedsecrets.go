package lint

import (
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
	secretrules "github.com/careen/careen/internal/secret"
	"github.com/careen/careen/internal/workload"
)

var deployedSecretRules = []Rule{{
	ID: "CS127", Title: "No keys and tokens anywhere in the file", Severity: finding.Critical,
	Fix:  "revoke it; keep the next one out of the repository",
	In:   words{compose: "revoke it; secrets: with a file that is not in the repository", kubernetes: "revoke it; valueFrom: {secretKeyRef: …}, from a Secret that is not in the repository", run: "revoke it; --env-file with a file that is not in the repository"},
	Why:  "The text has the form of a real key. It is in the repository's history too: only revoking it helps.",
	Same: []string{"CIS 4.10"}, File: "compose.yaml",
	Bad:     "services:\n  web:\n    image: nginx:1.29\n    command: [serve, --key, AKIAZ7QRT2LMWX4NPB6K]\n",
	Good:    "services:\n  web:\n    image: nginx:1.29\n    command: [serve, --key-file, /run/secrets/key]\n",
	service: func(c *serviceCheck) { c.tokens() },
}, {
	ID: "CS128", Title: "No values of Secrets in the repository", Severity: finding.High,
	Fix:     "kubectl create secret, an external secrets operator, or SealedSecret and SOPS, which encrypt",
	Why:     "Base64 is no encryption: anyone who reads the repository has the values.",
	File:    "secret.yaml",
	Bad:     "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: tr0ub4dor3\n",
	Good:    "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: ${DB_PASSWORD}\n",
	service: secretValues,
}, {
	ID: "CS129", Title: "No passwords in commands, URLs and ConfigMaps", Severity: finding.High,
	Fix:  "read it from a file that is not in the repository",
	In:   words{compose: "secrets: with a file that is not in the repository", kubernetes: "a Secret that is not in the repository", run: "--env-file with a file that is not in the repository"},
	Why:  "The value stands in the repository, in the output of docker inspect or kubectl get, and in the list of processes.",
	Same: []string{"CIS 4.10", "KSV-0109"}, File: "compose.yaml",
	Bad:  "services:\n  web:\n    image: nginx:1.29\n    command: [serve, --password, tr0ub4dor3]\n",
	Good: "services:\n  web:\n    image: nginx:1.29\n    command: [serve, --password-file, /run/secrets/db]\n",
	service: func(c *serviceCheck) {
		commandSecrets(c)
		configMapSecrets(c)
		urlSecrets(c)
	},
}}

// secretForms are the rules for what has a form of its own.
var secretForms = sync.OnceValue(func() *secretrules.Rules {
	rules, err := secretrules.DefaultRules()
	if err != nil {
		panic(err) // the rules that careen comes with are read in a test
	}
	return rules
})

// tokens reports what has the form of a key, wherever it stands.
func (c *check) tokens() {
	for _, hit := range c.tokenHits() {
		c.conceal(string(c.source[hit.Start:hit.End]), hit.Line)
		c.report(hit.Line, nil, "a text of the form of a key or token: %s", hit.Title)
	}
}

// tokenHits are what has the form of a key. The list is made once.
func (c *check) tokenHits() []secretrules.Hit {
	if c.hits == nil {
		hits := secretForms().Tokens(c.path, c.source)
		hits = hits[:min(len(hits), maxTokens)]
		c.hits = &hits
	}
	return *c.hits
}

// password reports whether a value that stands in the file is a secret which tokens
// does not name: what only looks like a key of an issuer is a password still.
func (c *check) password(value string, line int) bool {
	return literal(value) && !slices.ContainsFunc(c.tokenHits(), func(hit secretrules.Hit) bool {
		return hit.Line == line && strings.Contains(value, string(c.source[hit.Start:hit.End]))
	})
}

// literal reports whether a value stands in the file itself: it is no variable,
// no placeholder and not encrypted.
func literal(value string) bool {
	value = strings.Trim(value, `"'`) // of -e TOKEN="$TOKEN"
	return value != "" && !strings.HasPrefix(value, "$") && !strings.Contains(value, "${") && !strings.Contains(value, "$(") && !strings.Contains(value, "{{") &&
		!strings.HasPrefix(value, "ENC[") && !(len(value) < longText && dummy().MatchString(value))
}

// longText is the length from which on a value is more than a placeholder, though
// a word in it is one: a document that names example.com.
const longText = 48

// variableName writes the key of a label or of a ConfigMap as a variable's name.
func variableName(key string) string {
	return strings.NewReplacer("-", "_", ".", "_", "/", "_").Replace(key)
}

// serviceSecrets looks at what has a name: variables, build arguments, labels.
func serviceSecrets(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, list := range [][]workload.Variable{s.Environment, s.BuildArgs, s.Labels} {
			for _, v := range list {
				if v.Set && holdsSecret(variableName(v.Name)) && c.password(v.Value, v.Line) {
					c.conceal(strings.Trim(v.Value, `"'`), v.Line)
					c.report(v.Line, nil, "%s: %s has a value", s.Name, v.Name)
				}
			}
		}
	})
}

// commandSecrets looks for options of commands that take a password.
func commandSecrets(c *serviceCheck) {
	c.each(func(s *workload.Service) {
		for _, t := range s.Command {
			m := authHeader().FindStringSubmatch(t.Value)
			if m == nil {
				continue
			}
			if value := strings.Trim(m[1], `"'`); c.password(value, t.Line) {
				c.conceal(value, t.Line)
				c.report(t.Line, nil, "%s: an Authorization header", s.Name)
			}
		}
		words, program := commandWords(s.Command), ""
		for i, w := range words {
			if name := path.Base(w.Value); passwordFlags[name] != "" {
				program = name
			}
			flag, value, glued := passwordOption(program, w.Value)
			line := w.Line
			if !glued && i+1 < len(words) {
				value, line = words[i+1].Value, words[i+1].Line
			}
			named := holdsSecret(variableName(strings.TrimLeft(flag, "-"))) && (glued || strings.HasPrefix(flag, "-"))
			if !named && !passwordFlag(program, flag, glued) || strings.HasPrefix(value, "-") {
				continue
			}
			if value = passwordPart(program, flag, value); !c.password(value, line) {
				continue
			}
			c.conceal(value, line)
			c.report(line, nil, "%s: %s with a value", s.Name, flag)
		}
	})
}

// commandWords splits what is written as one text into words.
func commandWords(command []workload.Text) []workload.Text {
	var words []workload.Text
	for _, t := range command {
		if !strings.ContainsAny(t.Value, " \n") {
			words = append(words, t)
			continue
		}
		for _, cmd := range workload.ShellCommands(t.Value, false) {
			for _, a := range cmd.Assigns {
				words = append(words, workload.Text{Value: a.Name + "=" + a.Value, Line: t.Line + a.Line - 1})
			}
			for _, w := range cmd.Words {
				words = append(words, workload.Text{Value: w.Value, Line: t.Line})
			}
		}
	}
	return words
}

// configMapSecrets looks at the keys of ConfigMaps, which are for what everybody
// may read (kubernetes.io, "ConfigMaps"), and of the values of charts.
func configMapSecrets(c *serviceCheck) {
	for _, v := range c.file.Values {
		if v.Object == "Secret" {
			continue
		}
		object := strings.TrimSuffix(v.Object+"/"+v.Name, "/")
		if strings.Contains(v.Text, "\n") {
			c.settingLines(object, v)
		} else if holdsSecret(variableName(v.Key)) && c.password(v.Text, v.Line) {
			c.conceal(v.Text, v.Line)
			c.report(v.Line, nil, "%s: %s has a value", object, v.Key)
		}
	}
}

// settingLine is a line of a file of settings: a name, "=" or ":", a value.
var settingLine = lazy.Regexp(`^[ \t]*(?:export[ \t]+)?"?([A-Za-z][\w.-]*)"?[ \t]*[=:][ \t]*(\S+)[ \t]*$`)

// settingLines looks at the lines of a file that stands in a ConfigMap as a block, whose
// lines are those of the manifest.
func (c *serviceCheck) settingLines(object string, v workload.Value) {
	for i, line := range strings.Split(v.Text, "\n") {
		m := settingLine().FindStringSubmatch(line)
		if m == nil || !holdsSecret(variableName(m[1])) {
			continue
		}
		at := v.Line + 1 + i
		if value := strings.Trim(m[2], `"',`); c.password(value, at) {
			c.conceal(value, at)
			c.report(at, nil, "%s: %s in %s has a value", object, m[1], v.Key)
		}
	}
}

// secretValues looks at the values of Secrets. One that holds a token is named
// for it by another rule, when it stands there in clear.
func secretValues(c *serviceCheck) {
	for _, v := range c.file.Values {
		if v.Object != "Secret" || !literal(v.Text) || publicPart(v.Key, v.Text) {
			continue
		}
		c.conceal(v.Text, v.Line)
		c.conceal(v.Raw, v.Line)
		c.report(v.Line, nil, "Secret/%s: %s has a value", v.Name, v.Key)
	}
}

// publicPart tells the entries of a Secret that are none: certificates, names.
func publicPart(key, text string) bool {
	switch strings.ToLower(key) {
	case "username", "user", "host", "hostname", "port", "database", "dbname", "url", "endpoint", "name", "ca.crt", "tls.crt", "type", "namespace", "region", "email", "server", "enabled":
		return true
	}
	return strings.Contains(text, "-----BEGIN CERTIFICATE-----") || strings.Contains(text, "-----BEGIN PUBLIC KEY-----")
}

// urlSecrets looks for passwords in URLs, wherever they stand in the file.
func urlSecrets(c *serviceCheck) {
	if c.file.Kind != workload.Compose && c.file.Kind != workload.Kubernetes && len(c.file.Services) == 0 {
		return
	}
	for at, start := range c.lines {
		end := len(c.source)
		if at+1 < len(c.lines) {
			end = c.lines[at+1]
		}
		line := string(c.source[start:end])
		if !strings.Contains(line, "://") || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, m := range userInfo().FindAllStringSubmatch(line, maxTokens) {
			if !strings.HasPrefix(m[2], "<") && c.password(m[2], at+1) {
				c.conceal(m[2], at+1)
				c.report(at+1, nil, "a URL with a password")
			}
		}
	}
}
