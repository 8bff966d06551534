package lint

import (
	"strings"
	"sync"

	"github.com/careen/careen/internal/finding"
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
	for i, hit := range secretForms().Tokens(c.path, c.source) {
		if i == maxTokens {
			return
		}
		c.conceal(string(c.source[hit.Start:hit.End]), hit.Line)
		c.report(hit.Line, nil, "a text of the form of a key or token: %s", hit.Title)
	}
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
				if v.Set && holdsSecret(variableName(v.Name)) && literal(v.Value) && !token().MatchString(v.Value) {
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
			if value := strings.Trim(m[1], `"'`); literal(value) && !token().MatchString(value) {
				c.conceal(value, t.Line)
				c.report(t.Line, nil, "%s: an Authorization header", s.Name)
			}
		}
		words := commandWords(s.Command)
		for i, w := range words {
			flag, value, glued := strings.Cut(w.Value, "=")
			line := w.Line
			if !glued && i+1 < len(words) {
				value, line = words[i+1].Value, words[i+1].Line
			}
			name := variableName(strings.TrimLeft(flag, "-"))
			if !strings.HasPrefix(flag, "-") && !glued || !passwordFlag("", flag) && !holdsSecret(name) || !literal(value) || strings.HasPrefix(value, "-") || token().MatchString(value) {
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
		if v.Object != "Secret" && holdsSecret(variableName(v.Key)) && literal(v.Text) && !strings.Contains(v.Text, "\n") && !token().MatchString(v.Text) {
			c.conceal(v.Text, v.Line)
			c.report(v.Line, nil, "%s: %s has a value", strings.TrimSuffix(v.Object+"/"+v.Name, "/"), v.Key)
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
			if literal(m[2]) && !strings.HasPrefix(m[2], "<") && !token().MatchString(m[2]) {
				c.conceal(m[2], at+1)
				c.report(at+1, nil, "a URL with a password")
			}
		}
	}
}
