package wrappers

import (
	"strings"
	"testing"
)

func TestLength(t *testing.T) {
	for _, tc := range []struct{ line, want string }{
		{"apt-get install curl", "apt-get install curl"},
		{"ionice -c 3 apt-get install", "apt-get install"},
		{"ionice -c3 -n 7 apt-get", "apt-get"},
		{"ionice --class idle apt-get", "apt-get"},
		{"nice --adjustment 5 apt-get", "apt-get"},
		{"nice --adjustment=5 apt-get", "apt-get"},
		{"nice -10 apt-get", "apt-get"},
		{"/usr/bin/nice -n 5 apt-get", "apt-get"},
		{"timeout 60 apt-get", "apt-get"},
		{"timeout -k 5 60 apt-get", "apt-get"},
		{"timeout --kill-after 5 60 apt-get", "apt-get"},
		{"timeout --kill-after=5 -s KILL 60 apt-get", "apt-get"},
		{"setpriv --reuid 1000 --init-groups apt-get", "apt-get"},
		{"sudo -u root DEBIAN_FRONTEND=noninteractive apt-get", "apt-get"},
		{"sudo --user root -- apt-get", "apt-get"},
		{"env -u A -i B=c nice apt-get", "apt-get"},
		{"chrt -b 0 apt-get", "apt-get"},
		{"taskset -c 0-1 apt-get", "apt-get"},
		{"flock -w 10 /run/lock apt-get", "apt-get"},
		{"stdbuf -oL -e 0 apt-get", "apt-get"},
		{"xargs -n 1 apt-get", "apt-get"},
		{"exec -a name apt-get", "apt-get"},
		{"sudo env A=b timeout 5 nohup apt-get update", "apt-get update"},
		{"command apt-get", "apt-get"},
		{"command -v apt-get", "command -v apt-get"},
		{"chroot /mnt apt-get", "chroot /mnt apt-get"},
		{"gosu root apt-get", "apt-get"},
		{"poetry run pip install x", "pip install x"},
		{"poetry install", "poetry install"},
		{"bundle exec rake", "rake"},
		{"conda run -n base pip list", "pip list"},
		{"cross-env A=b node x", "node x"},
		{"sudo -EHu app node x", "node x"},
		{"sudo -uapp node x", "node x"},
		{"strace -fo log node x", "node x"},
		{"chamber exec service -- node x", "node x"},
		{"aws-vault exec profile -- node x", "node x"},
		{"op run --env-file=.env -- node x", "node x"},
		{"teller run --reset -- node x", "node x"},
		{"summon -p keyring node x", "node x"},
		{"dotenv -e .env -- node x", "node x"},
		{"dotenv run -- node x", "node x"},
		{"setarch x86_64 -R node x", "node x"},
		{"setarch -R node x", "node x"},
		{"cgexec -g cpu:x node x", "node x"},
		{"timeout", ""},
		{"sudo", ""},
		{"", ""},
	} {
		words := strings.Fields(tc.line)
		if got := strings.Join(words[Length(words):], " "); got != tc.want {
			t.Errorf("%q runs %q, want %q", tc.line, got, tc.want)
		}
	}
}

func TestCommand(t *testing.T) {
	for _, tc := range []struct{ line, want, how string }{
		{"tini -p SIGTERM -- app -x", "app -x", "tini"},
		{"su-exec nobody app", "app", "su-exec"},
		{"chroot /mnt app", "app", "chroot"},
		{"flock -n /l -c 'app'", "/bin/sh -c 'app'", "flock"},
		{"runuser -u nobody app", "app", "runuser"},
		{"runuser nobody -c app", "/bin/sh -c app", "runuser"},
		{"su nobody -c app", "/bin/sh -c app", "su -c"},
		{"env -S node", "node", "env"},
		{"env A=b app c=d", "app c=d", "env"},
		{"find . -name x -exec rm {} ;", "rm {}", "find -exec"},
		{"s6-softlimit -m 100 app", "app", "s6-softlimit"},
		{"ls -l", "", ""},
		{"timeout", "", "timeout"},
	} {
		words := strings.Fields(tc.line)
		argv, how := Command(words[0], words[1:])
		if strings.Join(argv, " ") != tc.want || how != tc.how {
			t.Errorf("%q starts %q (%q), want %q (%q)", tc.line, argv, how, tc.want, tc.how)
		}
		if how != "" && !Known(how) {
			t.Errorf("%q is not known", how)
		}
	}
}

// No row hides another's, and no option stands twice.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range table {
		for name := range strings.FieldsSeq(w.names) {
			if seen[name] {
				t.Errorf("%s has two rows", name)
			}
			seen[name] = true
		}
	}
}

func TestUnescape(t *testing.T) {
	for word, want := range map[string]string{`plain`: "plain", `a\ b`: "a b", `\\`: `\`, "two\\\nlines": "twolines", `end\`: `end\`, ``: ""} {
		if got := Unescape(word); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
