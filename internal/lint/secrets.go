package lint

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/finding"
	"github.com/careen/careen/internal/lazy"
)

var secretRules = []Rule{{
	ID: "CD201", Title: "No secrets in ENV", Severity: finding.Critical,
	Fix:  "RUN --mount=type=secret while building; the platform's secrets at run time",
	Why:  "ENV is part of the image's configuration: everyone who can pull the image reads it with docker inspect, and so does every process in it.",
	Same: []string{"DL3064", "DS-0031", "CIS-DI-0010", "CIS 4.10", "BuildKit:SecretsUsedInArgOrEnv"},
	Bad:  "FROM alpine:3.22\nENV DB_PASSWORD=tr0ub4dor3\nUSER 1000\n", Good: "FROM alpine:3.22\nENV DB_PASSWORD_FILE=/run/secrets/db\nUSER 1000\n",
	docker: secretEnv,
}, {
	ID: "CD202", Title: "No secrets in ARG", Severity: finding.High,
	Fix:  "RUN --mount=type=secret",
	Why:  "The values of build arguments stand in the history of the image, and in the provenance that BuildKit attaches.",
	Same: []string{"DL3064", "DS-0031", "CIS 4.10", "BuildKit:SecretsUsedInArgOrEnv"},
	Bad:  "FROM alpine:3.22\nARG NPM_TOKEN\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN --mount=type=secret,id=npm npm ci\nUSER 1000\n",
	docker: secretArg,
}, {
	ID: "CD203", Title: "Copy no files that hold secrets", Severity: finding.High,
	Fix:  "RUN --mount=type=secret, and the name in .dockerignore",
	Why:  "The file stays in its layer, also when a later instruction deletes it.",
	Same: []string{"DS-0031", "CIS-DI-0010", "CIS 4.10"},
	Bad:  "FROM alpine:3.22\nCOPY .env /app/\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY env.example /app/\nUSER 1000\n",
	docker: secretFiles,
}, {
	ID: "CD204", Title: "No credentials in commands", Severity: finding.High,
	Fix:  "RUN --mount=type=secret, and read the file",
	Why:  "The text of RUN is kept in the history of the image.",
	Same: []string{"DS-0031", "CIS 4.10"},
	Bad:  "FROM alpine:3.22\nRUN wget -q https://jo:s3cr3tpass@example.com/x\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN --mount=type=secret,id=netrc,target=/root/.netrc wget -q https://example.com/x\nUSER 1000\n",
	docker: secretCommands,
}, {
	ID: "CD205", Title: "No keys and tokens anywhere in the file", Severity: finding.Critical,
	Fix:  "revoke it, then RUN --mount=type=secret",
	Why:  "The text has the form of a real key. It is in the repository's history too: only revoking it helps.",
	Same: []string{"CIS-DI-0010", "CIS 4.10"},
	Bad:  "FROM alpine:3.22\nRUN echo AKIAZ7QRT2LMWX4NPB6K > /k\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN --mount=type=secret,id=key cat /run/secrets/key > /dev/null\nUSER 1000\n",
	docker: secretTokens,
}, {
	ID: "CD206", Title: "Keep the repository's history out of the image", Severity: finding.Low,
	Fix:  "remove the COPY, and write .git into .dockerignore",
	Why:  "The history holds all that was ever committed, removed secrets too.",
	Same: []string{"CIS-DI-0010"},
	Bad:  "FROM alpine:3.22\nCOPY .git /app/.git\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY src /app/src\nUSER 1000\n",
	docker: gitHistory,
}, {
	ID: "CD207", Title: "Check certificates", Severity: finding.High,
	Fix:  "install ca-certificates, or the certificate of your own authority",
	Why:  "Without the check anyone on the way can hand over other files than those asked for, and they become part of the image.",
	Same: []string{"CIS 4.11"},
	Bad:  "FROM alpine:3.22\nRUN wget --no-check-certificate -q https://example.com/x\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN wget -q https://example.com/x\nUSER 1000\n",
	docker: uncheckedTLS,
}, {
	ID: "CD208", Title: "Check the signatures of packages", Severity: finding.High,
	Fix:  "install the key of the repository, and remove the flag",
	Why:  "The package manager then installs whatever it is handed.",
	Same: []string{"CIS 4.11", "CIS 4.12"},
	Bad:  "FROM alpine:3.22\nRUN apk add --no-cache --allow-untrusted ./x.apk\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY key.rsa.pub /etc/apk/keys/\nRUN apk add --no-cache ./x.apk\nUSER 1000\n",
	docker: uncheckedPackages,
}, {
	ID: "CD209", Title: "Do not pipe downloads into a shell", Severity: finding.Medium,
	Fix:  "download, check the checksum, then run it",
	Why:  "Whatever the server sends today is run as root; half a download runs as well.",
	Same: []string{"CIS 4.11"},
	Bad:  "FROM alpine:3.22\nSHELL [\"/bin/ash\", \"-o\", \"pipefail\", \"-c\"]\nRUN wget -qO- https://example.com/install.sh | sh\nUSER 1000\n", Good: "FROM alpine:3.22\nCOPY install.sh /tmp/\nRUN sh /tmp/install.sh\nUSER 1000\n",
	docker: pipedToShell,
}, {
	ID: "CD210", Title: "Download with https", Severity: finding.Medium,
	Fix:  "https://",
	Why:  "Anyone on the way can change what comes over http.",
	Same: []string{"CIS 4.11"},
	Bad:  "FROM alpine:3.22\nRUN wget -q http://example.com/tool\nUSER 1000\n", Good: "FROM alpine:3.22\nRUN wget -q https://example.com/tool\nUSER 1000\n",
	docker: plainHTTP,
}, {
	ID: "CD211", Title: "ADD of a URL has a checksum", Severity: finding.Low,
	Fix:  "ADD --checksum=sha256:…",
	Why:  "The builder then refuses another file than the one that was reviewed.",
	Same: []string{"CIS 4.11"},
	Bad:  "FROM alpine:3.22\nADD https://example.com/tool /usr/local/bin/\nUSER 1000\n", Good: "FROM alpine:3.22\nADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.com/tool /usr/local/bin/\nUSER 1000\n",
	docker: addChecksum,
}}

// secretName matches names of variables that hold secrets; notSecret those of
// them that hold a path, a name, a switch or a public half instead.
var (
	secretName = lazy.Regexp(`(?i)(^|_)(passw(or)?d|passwd|pwd|secret|secrets|token|api_?key|apikey|private_?key|access_?key|auth_?key|encryption_?key|signing_?key|secret_?key|credentials?|authorization|passphrase)(_|$)|(^|_)auth$|password$|_(pat|pass)$|secret(access)?key`)
	notSecret  = lazy.Regexp(`(?i)(_file|_path|_dir|_url|_uri|_endpoint|_name|_id|_header|_type|_length|_min|_max|_ttl|_expiry|_expires|_timeout|_age|_enabled|_disabled|_required|_policy|_algorithm|_issuer|_limit|_size|_format|_store|_provider|_authentication|_auth_mode|_mode|_level|_lifetime|_expiration|_count|_regex|_prefix|_version|_file_path|_manager)$|^(pwd|oldpwd)$|public|allow_empty|random_root|tokenizer|max_tokens`)
	awsNames   = lazy.Regexp(`(?i)^(aws_access_key_id|aws_secret_access_key|aws_session_token)$`)
	dummy      = lazy.Regexp(`(?i)^(|true|false|yes|no|none|null|0|1|x+|\*+|changeme|change_me|change-me|example|placeholder|dummy|<.*>|your[-_ ].*|/.*|\./.*|https?://[^@]*)$|example|placeholder|changeme`)
)

func holdsSecret(name string) bool {
	return awsNames().MatchString(name) || secretName().MatchString(name) && !notSecret().MatchString(name)
}

func secretEnv(c *dockerCheck) {
	c.each(func(s step) {
		for _, p := range s.Pairs {
			if !p.HasValue || !holdsSecret(p.Name) || p.Value == "" {
				continue
			}
			// ENV X=$X hands a build argument on: ARG is where that goes wrong, but
			// ENV is what keeps it.
			if strings.HasPrefix(p.Value, "$") {
				c.report(c.file.Line(p.Start), nil, "%s keeps a secret in the image's configuration", p.Name)
				continue
			}
			if !dummy().MatchString(p.Value) {
				c.conceal(p.Value, c.file.Line(p.Start))
				c.report(c.file.Line(p.Start), nil, "%s has a value in the image's configuration", p.Name)
			}
		}
	}, "ENV")
}

func secretArg(c *dockerCheck) {
	look := func(line int, name, value string) {
		if !holdsSecret(name) || value != "" && dummy().MatchString(value) {
			return
		}
		if value != "" && !strings.HasPrefix(value, "$") {
			c.conceal(value, line)
		}
		c.report(line, nil, "%s is kept in the image's history", name)
	}
	for _, arg := range c.file.Args {
		if arg.Default != "" { // without one only a stage that repeats it keeps it
			look(arg.Line, arg.Name, arg.Default)
		}
	}
	c.each(func(s step) {
		for _, p := range s.Pairs {
			look(c.file.Line(p.Start), p.Name, p.Value)
		}
	}, "ARG")
}

// secretPath matches files that hold secrets by their convention.
var (
	secretPath = lazy.Regexp(`(^|/)(\.env(\.[A-Za-z0-9_-]+)?|\.netrc|_netrc|\.npmrc|\.pypirc|\.pgpass|\.htpasswd|\.git-credentials|id_(rsa|dsa|ecdsa|ed25519)|.*\.(pem|key|p12|pfx|jks|keystore|kdbx|ppk)|kubeconfig|\.kube/config|\.aws(/credentials)?|\.ssh|\.gnupg|\.docker/config\.json|\.dockercfg|credentials\.json|service[-_]account.*\.json|terraform\.tfstate|\.vault-token|secrets?\.(ya?ml|json|env|txt|toml)|[^/]*(secring|private|secret)[^/]*\.(gpg|asc|pgp))/?$`)
	exampleEnv = lazy.Regexp(`(?i)(example|sample|template|dist|defaults?|test|schema)$|\.pub$|(^|/)(ca|cacert|ca-bundle|root-?ca|fullchain|chain|cert|public)[^/]*\.pem$|(public|pub)[^/]*\.(pem|key)$`)
)

func secretFiles(c *dockerCheck) {
	c.each(func(s step) {
		if _, ok := s.Flag("from"); ok {
			return
		}
		for i, arg := range s.Args {
			source := unquoted(arg)
			if i == len(s.Args)-1 && len(s.Args) > 1 || strings.Contains(source, "://") {
				continue
			}
			if secretPath().MatchString(source) && !exampleEnv().MatchString(source) && !publicKey(source, unquoted(s.Args[len(s.Args)-1])) {
				c.report(c.file.Line(arg.Start), nil, "%s by its name holds a secret", path.Base(source))
			}
		}
	}, "COPY", "ADD")
}

// Places where programs look for public keys and certificates, by which they check
// what others signed, and names of private keys that nobody puts there by design:
// sources.list(5), apk-keys, rpmkeys(8), update-ca-certificates(8), sshd(8).
var (
	publicPlace = lazy.Regexp(`(^|/)(etc/apt/(keyrings|trusted\.gpg\.d)|usr/share/keyrings|usr/local/share/(ca-certificates|keyrings)|etc/apk/keys|etc/pki/(rpm-gpg|ca-trust/source/anchors|trust/anchors)|usr/share/pki/(ca-trust-source|trust)/anchors|etc/ssl/certs|etc/containers/(keys|certs)|usr/lib/rpm/gnupg/keys|usr/share/distribution-gpg-keys)(/|$)|(^|/)(authorized_keys2?|known_hosts)$|\.(asc|gpg|pub)$`)
	privateName = lazy.Regexp(`(^|/)(id_(rsa|dsa|ecdsa|ed25519)|\.env[^/]*|\.netrc|\.npmrc|\.pgpass|.*\.(p12|pfx|jks|keystore|kdbx|ppk)|(?i:[^/]*(private|priv|secret|secring)[^/]*))$`)
)

// publicKey reports whether a file is by its place or its name the public half
// of a key, or a certificate.
func publicKey(source, target string) bool {
	return !privateName().MatchString(source) && (publicPlace().MatchString(target) || publicPlace().MatchString(source))
}

var (
	userInfo     = lazy.Regexp(`[a-z][a-z0-9+.-]*://([^/\s:@'"]*):([^/\s@'"]+)@`)
	bareUserInfo = lazy.Regexp(`https?://([A-Za-z0-9_\-]{16,})@`)
	authHeader   = lazy.Regexp(`(?i)authorization:\s*(?:bearer|basic|token)\s+(\S+)`)
)

// secretCommands looks for what a command line gives away: literal values, not
// variables.
func secretCommands(c *dockerCheck) {
	for _, cmd := range c.commands {
		for _, a := range cmd.Assigns {
			if a.Set && holdsSecret(a.Name) && !dummy().MatchString(a.Value) {
				c.conceal(a.Value, cmd.line)
				c.report(cmd.line, nil, "%s gets a value in RUN", a.Name)
			}
		}
		program := cmd.name
		for i, w := range cmd.Words {
			if w.Value == "login" {
				program = "login"
			}
			line := c.lineOf(cmd, w)
			if m := userInfo().FindStringSubmatch(w.Value); m != nil && !strings.Contains(m[2], "$") && !dummy().MatchString(m[2]) {
				c.conceal(m[2], line)
				c.report(line, nil, "a URL with a password")
			} else if m := bareUserInfo().FindStringSubmatch(w.Value); m != nil {
				c.conceal(m[1], line)
				c.report(line, nil, "a URL with a token")
			}
			if m := authHeader().FindStringSubmatch(w.Value); m != nil && !strings.HasPrefix(m[1], "$") {
				c.conceal(m[1], line)
				c.report(line, nil, "an Authorization header")
			}
			if i == 0 || !strings.HasPrefix(w.Value, "-") {
				continue
			}
			flag, value, glued := passwordOption(program, w.Value)
			static := w.Static
			if !glued && i+1 < len(cmd.Words) {
				value, static = cmd.Words[i+1].Value, cmd.Words[i+1].Static
			}
			if !passwordFlag(program, flag, glued) || !static || dummy().MatchString(value) || strings.HasPrefix(value, "-") {
				continue
			}
			if value = passwordPart(program, flag, value); value != "" {
				c.conceal(value, line)
				c.report(line, nil, "%s %s with a value", cmd.name, flag)
			}
		}
		if args, _ := cmd.arguments(""); cmd.name == "aws" && len(args) > 3 && args[0].Value == "configure" && args[1].Value == "set" && args[3].Static &&
			awsNames().MatchString(args[2].Value) && !cmd.run.hasMount("secret") {
			c.conceal(args[3].Value, cmd.line)
			c.report(cmd.line, nil, "aws configure set %s", args[2].Value)
		}
	}
}

// passwordFlags are the short options of programs that take a password. Those of
// MySQL and MariaDB take it only in the same word (mysql(1), mariadb(1)).
var passwordFlags = map[string]string{
	"curl": "-u", "sshpass": "-p", "redis-cli": "-a", "valkey-cli": "-a", "login": "-p",
	"mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mariadb": "-p", "mariadb-dump": "-p", "mariadb-admin": "-p",
	"mongo": "-p", "mongosh": "-p", "mongodump": "-p", "mongorestore": "-p", "mongoexport": "-p", "mongoimport": "-p",
	"ldapsearch": "-w", "ldapadd": "-w", "ldapmodify": "-w", "ldapwhoami": "-w",
}

// passwordOption divides an option that has its value in the same word.
func passwordOption(program, word string) (flag, value string, glued bool) {
	if short := passwordFlags[program]; short != "" && len(word) > len(short) && strings.HasPrefix(word, short) {
		return short, word[len(short):], true
	}
	return strings.Cut(word, "=")
}

// passwordFlag reports whether a flag of a program takes a password or token, in
// the same word or the next one.
func passwordFlag(program, flag string, glued bool) bool {
	switch flag {
	case "--password", "--passwd", "--token", "--api-key", "--secret", "--secret-key", "--access-token", "--auth-token", "--http-password":
		return true
	case "--user":
		return program == "curl"
	}
	ofMySQL := strings.HasPrefix(program, "mysql") || strings.HasPrefix(program, "mariadb")
	return flag != "" && flag == passwordFlags[program] && (glued || !ofMySQL)
}

// passwordPart is what of an option's value is the password: curl takes a name too.
func passwordPart(program, flag, value string) string {
	if program == "curl" && (flag == "-u" || flag == "--user") {
		_, value, _ = strings.Cut(value, ":")
	}
	return value
}

// token matches what has the form of a key that a service hands out. Each has a
// prefix of its own, so that nothing else looks like it.
var token = lazy.Regexp(`\b(?:AKIA|ASIA)[A-Z2-7]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bgithub_pat_[A-Za-z0-9_]{82}\b|\bglpat-[A-Za-z0-9_-]{20}\b|\bxox[abprs]-[A-Za-z0-9-]{20,}|\bnpm_[A-Za-z0-9]{36}\b|\bpypi-[A-Za-z0-9_-]{50,}|\b[sr]k_live_[A-Za-z0-9]{20,}|\bAIza[A-Za-z0-9_-]{35}\b|\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b|\bdckr_pat_[A-Za-z0-9_-]{27}|\bhf_[A-Za-z0-9]{34}\b|-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----`)

// tokenParts are texts of which token needs one.
var tokenParts = []string{"AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "npm_", "pypi-", "k_live_", "AIza", "SG.", "dckr_pat_", "hf_", "PRIVATE KEY"}

func secretTokens(c *dockerCheck) {
	if !slices.ContainsFunc(tokenParts, func(part string) bool { return bytes.Contains(c.source, []byte(part)) }) {
		return
	}
	for _, at := range token().FindAllIndex(c.source, maxTokens) {
		value, line := string(c.source[at[0]:at[1]]), c.file.Line(at[0])
		if strings.HasSuffix(value, "EXAMPLE") { // the keys of AWS's documentation
			continue
		}
		c.conceal(value, line)
		c.report(line, nil, "a text of the form of a key or token")
	}
}

// maxTokens bounds how many tokens of one file are listed.
const maxTokens = 1000

func gitHistory(c *dockerCheck) {
	c.each(func(s step) {
		if _, ok := s.Flag("from"); ok || !s.stage.final {
			return
		}
		for i, arg := range s.Args {
			if source := strings.TrimSuffix(strings.Trim(arg.Text, `"'`), "/"); i < len(s.Args)-1 && path.Base(source) == ".git" {
				c.report(c.file.Line(arg.Start), nil, "%s is the history of the repository", source)
			}
		}
	}, "COPY", "ADD")
}

// insecureVariables switch the check of certificates off for whole programs.
var insecureVariables = map[string]string{
	"NODE_TLS_REJECT_UNAUTHORIZED": "0", "PYTHONHTTPSVERIFY": "0", "GIT_SSL_NO_VERIFY": "true", "NPM_CONFIG_STRICT_SSL": "false", "GOINSECURE": "*", "GONOSUMDB": "*",
}

func uncheckedTLS(c *dockerCheck) {
	c.each(func(s step) {
		for _, p := range s.Pairs {
			if off, ok := insecureVariables[strings.ToUpper(p.Name)]; ok && (p.Value == off || off == "true" && p.Value == "1") {
				c.report(c.file.Line(p.Start), nil, "%s=%s", p.Name, p.Value)
			}
		}
	}, "ENV", "ARG")
	for _, cmd := range c.commands {
		args, flags := cmd.arguments("-o -H -d -X -u -A -e -O")
		text := joinWords(args)
		switch {
		case cmd.name == "curl" && (hasFlag(flags, "--insecure", "-k") || shortFlag(flags, 'k')),
			cmd.name == "wget" && hasFlag(flags, "--no-check-certificate"),
			strings.HasPrefix(cmd.name, "pip") && hasFlag(flags, "--trusted-host"),
			cmd.name == "git" && (strings.Contains(text, "http.sslVerify false") || strings.Contains(joinWords(cmd.words), "http.sslVerify=false")),
			(cmd.name == "npm" || cmd.name == "yarn") && (strings.Contains(text, "strict-ssl false") || hasFlag(flags, "--no-strict-ssl") || strings.Contains(joinWords(cmd.words), "strict-ssl=false")):
			c.report(cmd.line, nil, "%s does not check certificates", cmd.name)
		}
		for _, a := range cmd.Assigns {
			if off, ok := insecureVariables[a.Name]; ok && (a.Value == off || off == "true" && a.Value == "1") {
				c.report(cmd.line, nil, "%s=%s", a.Name, a.Value)
			}
		}
	}
}

func uncheckedPackages(c *dockerCheck) {
	for _, cmd := range c.commands {
		_, flags := cmd.arguments("")
		switch cmd.name {
		case "apt", "apt-get":
			if hasFlag(flags, "--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories") || strings.Contains(joinWords(cmd.words), "AllowUnauthenticated") && !strings.Contains(joinWords(cmd.words), "AllowUnauthenticated=false") {
				c.report(cmd.line, nil, "%s installs packages that nobody signed", cmd.name)
			}
		case "apk":
			if hasFlag(flags, "--allow-untrusted") {
				c.report(cmd.line, nil, "apk installs packages that nobody signed")
			}
		case "yum", "dnf", "dnf5", "microdnf", "zypper":
			if hasFlag(flags, "--nogpgcheck", "--no-gpg-checks", "--no-gpgchecks") {
				c.report(cmd.line, nil, "%s installs packages that nobody signed", cmd.name)
			}
		}
	}
}

func pipedToShell(c *dockerCheck) {
	for _, cmd := range c.commands {
		if cmd.name != "curl" && cmd.name != "wget" {
			continue
		}
		switch cmd.PipedTo {
		case "sh", "bash", "ash", "dash", "zsh", "eval", "python", "python3", "perl", "node", "php", "ruby":
			c.report(cmd.line, nil, "%s into %s", cmd.name, cmd.PipedTo)
		}
	}
}

var localURL = lazy.Regexp(`^http://(localhost|127\.|\[::1\]|host\.docker\.internal|0\.0\.0\.0)`)

func plainHTTP(c *dockerCheck) {
	for _, cmd := range c.commands {
		switch cmd.name {
		case "curl", "wget", "git", "pip", "pip3", "add-apt-repository":
		default:
			continue
		}
		args, _ := cmd.arguments("-H -x --proxy -A --data -d")
		for _, arg := range args {
			if strings.HasPrefix(arg.Value, "http://") && !localURL().MatchString(arg.Value) {
				c.report(c.lineOf(cmd, arg), nil, "%s over http", cmd.name)
			}
		}
	}
	c.each(func(s step) {
		for _, arg := range s.Args {
			if strings.HasPrefix(arg.Text, "http://") {
				if _, ok := s.Flag("checksum"); !ok {
					c.report(c.file.Line(arg.Start), nil, "ADD over http")
				}
			}
		}
	}, "ADD")
}

func addChecksum(c *dockerCheck) {
	c.each(func(s step) {
		if _, ok := s.Flag("checksum"); ok {
			return
		}
		for i, arg := range s.Args {
			if i < len(s.Args)-1 && remoteFile(arg.Text) && !strings.HasSuffix(arg.Text, ".git") && !strings.Contains(arg.Text, ".git#") {
				c.report(c.file.Line(arg.Start), nil, "what the URL hands out is taken as it is")
			}
		}
	}, "ADD")
}

func remoteFile(s string) bool {
	return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "git@")
}
