package lint

import (
	"strings"
	"testing"
)

// commandOf reads one command line.
func commandOf(t *testing.T, text string) *command {
	t.Helper()
	c := newDockerCheck(parseText("FROM debian:13\nRUN "+text+"\n"), Options{})
	if len(c.commands) != 1 {
		t.Fatalf("%q: %d commands", text, len(c.commands))
	}
	return c.commands[0]
}

func TestOptions(t *testing.T) {
	for text, want := range map[string]string{
		"apt-get -qqy install a":               "-q -q -y | install a",
		"apt-get install -t trixie -yq a":      "-t=trixie -y -q | install a",
		"apt-get -oDpkg::Use-Pty=0 install a":  "-o=Dpkg::Use-Pty=0 | install a",
		"apt-get install -q=2 a":               "-q=2 | install a",
		"apt-get install --target-release x a": "--target-release=x | install a",
		"apt-get install --target-release=x a": "--target-release=x | install a",
		"apt-get install -y -- a -b":           "-y | install a -b",
		"dnf -y --setopt install_weak=0 in a":  "-y --setopt=install_weak=0 | in a",
		"apk add -U --virtual .d gcc":          "-U --virtual=.d | add gcc",
		"zypper -n --root /x in a":             "-n --root=/x | in a",
		"apt-get install -t":                   "-t | install",
	} {
		c := commandOf(t, text)
		args, flags := c.options(managerOf(c.name).valued)
		if got := strings.Join(flags, " ") + " | " + joinWords(args); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestUses(t *testing.T) {
	for text, want := range map[string]action{
		"apt-get dist-clean": cleansLists, "apt-get distclean": cleansLists, "apt-get clean": cleans, "aptitude update": refreshes, "apt-get build-dep x": installsGroup,
		"dnf in x": installs, "dnf5 -y install x": installs, "dnf up": upgrades, "dnf -y upgrade-minimal": upgradesAll, "dnf rei x": fetches, "dnf group install x": installsGroup,
		"dnf module install x": installsModule, "yum module -y enable x:1": installsModule, "microdnf clean all": cleans, "tdnf install x": installs,
		"zypper --non-interactive in x": installs, "zypper dup": upgradesAll, "zypper cc": cleans, "zypper ref": refreshes, "zypper rm x": removes,
		"apk add x": installs, "apk upgrade": upgrades, "apk del x": removes, "apk info": unknownAction,
		"pacman -Syu x": installs, "pacman -Syu": upgrades, "pacman -Sy": refreshes, "pacman -Scc": cleans, "pacman -Ss x": unknownAction, "pacman -R x": removes, "pacman --sync --refresh x": installs, "pacman -U x.pkg": installsGroup,
		"apt-get": unknownAction, "make install": unknownAction,
	} {
		if got := commandOf(t, text).use.action; got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"dnf --installroot=/r install x": true, "dnf --installroot /r install x": true, "zypper -R /r in x": true, "apk -p /r add x": true, "apk --root /r add x": true, "pacman -r /r -S x": true,
		"dnf install x": false, "apt-get -o Dir=/r install x": true, "apt-get -o Acquire::Retries=3 install x": false,
	} {
		if got := commandOf(t, text).use.elsewhere; got != want {
			t.Errorf("%s: elsewhere %v, want %v", text, got, want)
		}
	}
}

// TestManagersAreWellFormed keeps one verb from meaning two things.
func TestManagersAreWellFormed(t *testing.T) {
	programs := map[string]bool{}
	for _, m := range managers {
		for _, name := range strings.Fields(m.names) {
			if programs[name] {
				t.Errorf("%s: twice", name)
			}
			programs[name] = true
		}
		if len(m.caches) == 0 {
			t.Errorf("%s: no cache", m.names)
		}
		verbs := map[string]bool{}
		for _, list := range m.verbs {
			for _, verb := range strings.Fields(list) {
				if verbs[verb] {
					t.Errorf("%s %s: twice", m.names, verb)
				}
				verbs[verb] = true
			}
		}
	}
	for id, list := range installers {
		if _, ok := Lookup(id); !ok {
			t.Errorf("no rule %s", id)
		}
		for _, in := range list {
			if in.pinned == nil || in.verbs == "" || in.names == "" {
				t.Errorf("%s: %+v", id, in)
			}
		}
	}
}

func TestHas(t *testing.T) {
	for _, test := range []struct {
		list, word string
		want       bool
	}{{"a bb c", "bb", true}, {"a bbb bb", "bb", true}, {"abb", "bb", false}, {"bb", "bb", true}, {"a", "", false}, {"", "a", false}, {"a-b a", "a", true}} {
		if got := has(test.list, test.word); got != test.want {
			t.Errorf("%q in %q: %v", test.word, test.list, got)
		}
	}
}

// packageCases are commands with the rules that find something in them, of those
// that are asked for; "" is none. {} in front is what stands before them in the
// file.
var packageCases = []struct{ before, run, only, want string }{
	// apt
	{"", "apt-get install curl", "CD301", "CD301"},
	{"", "apt-get -y install curl", "CD301", ""},
	{"", "apt-get install -yq curl", "CD301", ""},
	{"", "apt-get install -qq curl", "CD301", ""},
	{"", "apt-get install -q --quiet curl", "CD301", ""},
	{"", "apt-get install --quiet --quiet curl", "CD301", ""},
	{"", "apt-get install --quiet=2 curl", "CD301", ""},
	{"", "apt-get install -q=1 curl", "CD301", "CD301"},
	{"", "apt-get install --assume-yes curl", "CD301", ""},
	{"", "apt-get -s install curl", "CD301", ""},
	{"", "aptitude install curl", "CD301", "CD301"},
	{"", "apt-get build-dep curl", "CD301", "CD301"},
	{"", "apt-get download curl", "CD301", ""},
	{"", "yes | apt-get install curl", "CD301", ""},
	{"", "apt-get -o APT::Get::Assume-Yes=true install curl", "CD301", ""},
	{"RUN echo 'APT::Get::Assume-Yes \"true\";' > /etc/apt/apt.conf.d/90\n", "apt-get install curl", "CD301", ""},
	{"", "ionice -c 3 apt-get install curl", "CD301", "CD301"},
	{"RUN apt-get install --no-install-recommends -y a=1\n", "apt-get install -y b=1", "CD302", "CD302"},
	{"", "apt-get -o APT::Install-Recommends=false install -y b=1", "CD302", ""},
	{"", "aptitude install -R -y b=1", "CD302", ""},
	{"", "apt-get install -y curl/trixie-backports", "CD303", ""},
	{"", "apt-get install -y exim4-", "CD303", ""},
	{"", "apt-get install -y ./x.deb", "CD303", ""},
	{"", "apt-get install -y \"curl=$V\" $PACKAGES", "CD303", ""},
	{"", "apt-get update && apt-get install -y curl && apt-get clean", "CD304", "CD304"},
	{"", "apt-get update && apt-get install -y curl && apt-get dist-clean", "CD304", ""},
	{"", "apt-get update && apt-get install -y curl && apt-get distclean", "CD304", ""},
	{"", "aptitude update && aptitude install -y curl", "CD304", "CD304"},
	{"", "aptitude update && aptitude install -y curl && rm -rf /var/lib/apt/lists/*", "CD304", ""},
	{"", "rm -rf /var/lib/apt/lists/* && apt-get update", "CD304", "CD304"},
	{"", "apt-get update && rm -rf /var/lib/{apt,dpkg}/lists", "CD304", ""},
	{"", "--mount=type=cache,target=/var/lib/apt apt-get update", "CD304", ""},
	{"", "--mount=type=cache,target=/var/cache/apt apt-get update", "CD304", "CD304"},
	{"", "--mount=type=tmpfs,target=/var/lib/apt/lists apt-get update", "CD304", ""},
	{"RUN rm -f /etc/apt/apt.conf.d/docker-clean\n", "--mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y curl", "CD304", "CD304"},
	{"RUN rm -f /etc/apt/apt.conf.d/docker-clean\n", "--mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y curl && apt-get clean", "CD304", ""},
	{"RUN rm -f /etc/apt/apt.conf.d/docker-clean\n", "--mount=type=cache,target=/var/lib/apt --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y curl", "CD304", ""},
	{"", "apt-get dist-upgrade -y", "CD307", "CD307"},
	{"", "apt-get upgrade -y", "CD307", ""},
	// dnf and its like
	{"", "dnf in -y mariadb-10.4", "CD323", "CD323"},
	{"", "dnf -y up", "CD323", "CD323"},
	{"", "dnf -y rei bash", "CD323", "CD323"},
	{"", "dnf install -y a-1 && microdnf clean all", "CD323", "CD323"},
	{"", "microdnf install -y a-1 && microdnf clean all", "CD323", ""},
	{"", "yum install -y a-1 && dnf clean all", "CD323", ""},
	{"", "dnf install -y a-1 && rm -rf /var/cache/yum/*", "CD323", ""},
	{"", "rm -rf /var/cache/libdnf5 && dnf in -y a-1", "CD323", "CD323"},
	{"", "dnf clean all && dnf install -y a-1", "CD323", "CD323"},
	{"", "--mount=type=cache,target=/var/cache dnf install -y a-1", "CD323", ""},
	{"", "--mount=type=tmpfs,dst=/var/cache/libdnf5 dnf5 install -y a-1", "CD323", ""},
	{"", "dnf -y --installroot=/r install a-1 && dnf clean all", "CD323", "CD323"},
	{"", "dnf -y --installroot=/r install a-1 && dnf --installroot=/r clean all", "CD323", ""},
	{"", "dnf -y --installroot=/r install a-1 && rm -rf /r/var/cache/*", "CD323", ""},
	{"", "zypper install -y a=1 && zypper cc", "CD323", ""},
	{"", "pacman -S --noconfirm git", "CD323", "CD323"},
	{"", "pacman -S --noconfirm git && pacman -Scc --noconfirm", "CD323", ""},
	{"", "pacman -S git", "CD321", "CD321"},
	{"", "dnf in a-1", "CD321", "CD321"},
	{"", "dnf upgrade", "CD321", "CD321"},
	{"", "zypper --non-interactive in a", "CD321", ""},
	{"", "dnf install --downloadonly a", "CD321", ""},
	{"", "dnf -y module install tomcat", "CD324", "CD324"},
	{"", "dnf -y module install tomcat:9/common", "CD324", ""},
	{"", "yum install -y openssl-1:1.1.1k", "CD324", ""},
	{"", "yum install -y gcc-c++-1.1.1", "CD324", ""},
	{"", "yum install -y \"git-core-${V}\"", "CD324", ""},
	{"", "yum install -y java-21-openjdk", "CD324", "CD324"},
	{"", "zypper in -y 'tomcat>=9.0' tomcat-9.0.39-1.rpm", "CD324", ""},
	{"", "dnf install -y --repo extra rpm-sign", "CD324", "CD324"},
	// apk
	{"", "apk add flex~2.6", "CD311", ""},
	{"", "apk add --virtual .d python3=3 '!busybox'", "CD311", ""},
	{"", "apk add -X https://example.com/edge flow=0.78-r0", "CD311", ""},
	{"", "apk add mypackage-1.1.1.apk", "CD311", ""},
	{"", "apk add a=1 && rm -rf /var/cache/apk/*", "CD312", ""},
	{"", "apk update && apk add --no-cache a=1", "CD312", "CD312"},
	{"", "apk update && apk add --no-cache a=1 && rm -rf /var/cache/apk/*", "CD312", ""},
	// pip, pipx, uv
	{"", "pip install --root-user-action ignore poetry==1.8.5", "CD331", ""},
	{"", "pip3 install --build /opt/x yamllint==1.20.0", "CD331", ""},
	{"", "pip install --index-url https://u:p@eg.com/foo foobar==1.0.0", "CD331", ""},
	{"", "pip install git+https://git.example.com/a/b.git#egg=b", "CD331", "CD331"},
	{"", "pip install git+https://git.example.com/a/b.git@v1.2.0#egg=b", "CD331", ""},
	{"", "pip install git+ssh://git@git.example.com/a/b.git", "CD331", "CD331"},
	{"", "pip install 'b @ git+https://git.example.com/a/b.git'", "CD331", "CD331"},
	{"", "pip install 'b @ https://example.com/b-1.0.whl'", "CD331", ""},
	{"", "pip install mypkg.whl mypkg.tar.gz ./dir dir/sub", "CD331", ""},
	{"", "pip install 'alabaster>=0.7' 'x!=1'", "CD331", ""},
	{"", "pip install pykafka -c http://foo.bar.baz", "CD331", ""},
	{"", "pip install -rrequirements.txt flask", "CD331", ""},
	{"", "python3 -m pip install --index-url url example", "CD331", "CD331"},
	{"", "pip3.12 install example", "CD331", "CD331"},
	{"", "pipx install black", "CD331", "CD331"},
	{"", "pipx install black==25.1.0", "CD331", ""},
	{"", "pipx inject poetry 'poetry-plugin-export==1.9.0'", "CD331", ""},
	{"", "pipenv install library", "CD331", ""},
	{"", "uv pip install --system ruff", "CD331", "CD331"},
	{"", "uv pip install --system ruff==0.8.2", "CD331", ""},
	{"", "uv tool install ruff@0.8.2", "CD331", ""},
	{"", "uv tool install ruff", "CD331", "CD331"},
	{"", "uv sync --frozen", "CD331", ""},
	{"ENV PIP_NO_CACHE_DIR=off\n", "pip install x==1", "CD332", "CD332"},
	{"ENV PIP_NO_CACHE_DIR=1\n", "pip install x==1", "CD332", ""},
	{"", "export PIP_NO_CACHE_DIR=no && pip install x==1", "CD332", "CD332"},
	{"", "export PIP_NO_CACHE_DIR=yes && pip install x==1", "CD332", ""},
	{"", "PIP_NO_CACHE_DIR=true pip install x==1", "CD332", ""},
	{"ENV PIP_CACHE_DIR=/c\n", "--mount=type=cache,target=/c pip install x==1", "CD332", ""},
	{"ENV PIP_CACHE_DIR=/c\n", "--mount=type=cache,target=/d pip install x==1", "CD332", "CD332"},
	{"ENV XDG_CACHE_HOME=/c\n", "--mount=type=cache,target=/c pip install x==1", "CD332", ""},
	{"", "--mount=type=cache,target=/root/.cache/pip pip install x==1", "CD332", ""},
	{"", "--mount=type=tmpfs,target=/root/.cache pip install x==1", "CD332", ""},
	{"", "--mount=type=cache,target=/home/jo/.cache/pip pip install x==1", "CD332", ""},
	{"", "--mount=type=cache,target=/var/lib/other pip install x==1", "CD332", "CD332"},
	{"", "pip install x==1 && pip cache purge", "CD332", ""},
	{"", "pip install x==1 && rm -rf ~/.cache/pip", "CD332", ""},
	{"RUN pip config set global.no-cache-dir true\n", "pip install x==1", "CD332", ""},
	{"", "uv pip install x==1", "CD332", "CD332"},
	{"", "--mount=type=cache,target=/root/.cache/uv uv sync", "CD332", ""},
	{"", "pipx install x==1", "CD332", ""},
	// npm and its like
	{"", "npm install express sax@0.1.1", "CD333", "CD333"},
	{"", "npm install @org/p", "CD333", "CD333"},
	{"", "npm install '@org/p@>=0.1.0 <0.2.0' \"sax@0.1.1\"", "CD333", ""},
	{"", "npm install a.tar a.tar.gz a.tgz /f ./f ../f ~/f", "CD333", ""},
	{"", "npm install git+ssh://git@github.com:npm/npm.git#v1.0.27", "CD333", ""},
	{"", "npm install git+ssh://git@github.com:npm/npm.git", "CD333", "CD333"},
	{"", "npm install git+http://isaacs@github.com/npm/npm#semver:^5.0", "CD333", ""},
	{"", "npm install git://git.example.com/a/b", "CD333", "CD333"},
	{"", "npm install expressjs/express", "CD333", "CD333"},
	{"", "npm install https://example.com/a-1.0.tgz", "CD333", ""},
	{"", "npm install --registry https://example.com express", "CD333", "CD333"},
	{"", "npm install --loglevel verbose sax@0.1.1", "CD333", ""},
	{"", "npm install -g npm@latest", "CD333", "CD333"},
	{"", "npm i -g alias@npm:real@1.0.0", "CD333", ""},
	{"", "npm run --crazy install", "CD333", ""},
	{"", "npm ci", "CD333", ""},
	{"", "pnpm add -g turbo", "CD333", "CD333"},
	{"", "pnpm add -g turbo@2.5.4", "CD333", ""},
	{"", "pnpm dlx cowsay hello", "CD333", "CD333"},
	{"", "yarn global add turbo", "CD333", "CD333"},
	{"", "yarn add turbo@2.5.4", "CD333", ""},
	{"", "yarn install", "CD333", ""},
	{"", "corepack yarn add turbo", "CD333", "CD333"},
	{"", "bun add turbo", "CD333", "CD333"},
	{"", "bun install", "CD333", ""},
	// yarn's cache
	{"", "yarn install x", "CD337", "CD337"},
	{"", "yarn install x && yarn cache clean", "CD337", ""},
	{"", "--mount=type=tmpfs,target=/root/.cache/yarn yarn install x", "CD337", ""},
	{"", "--mount=type=cache,target=/usr/local/share/.cache yarn install x", "CD337", ""},
	{"", "--mount=type=cache,target=/var/lib/other yarn install x", "CD337", "CD337"},
	{"ENV YARN_CACHE_FOLDER=/y\n", "--mount=type=cache,target=/y yarn install", "CD337", ""},
	{"ENV YARN_CACHE_FOLDER=/y\n", "--mount=type=cache,target=/z yarn install", "CD337", "CD337"},
	{"RUN yarn config set cache-folder /y\n", "--mount=type=cache,target=/y yarn install", "CD337", ""},
	// gem, go, cargo, composer
	{"", "gem install bundler:2.0.1 -- --use-system-libraries=true", "CD335", ""},
	{"", "gem install bundler:2.0.1 --use-system-libraries true", "CD335", ""},
	{"", "gem install nokogiri -v 1.18.9 -- --with-x y", "CD335", ""},
	{"", "gem install nokogiri --version='1.18.9'", "CD335", ""},
	{"", "gem install nokogiri -- --use-system-libraries", "CD335", "CD335"},
	{"", "gem i bundler:1 nokogiri", "CD335", "CD335"},
	{"", "go get example.com/pkg", "CD336", "CD336"},
	{"COPY go.mod .\n", "go get example.com/pkg", "CD336", "CD336"},
	{"", "go get -tool example.com/tool", "CD336", "CD336"},
	{"", "go get -tool example.com/tool@v0.3.0", "CD336", ""},
	{"", "go run example.com/cmd/tool", "CD336", "CD336"},
	{"COPY . .\n", "go run example.com/cmd/tool", "CD336", ""},
	{"", "go run example.com/cmd/tool@latest a.b/c", "CD336", "CD336"},
	{"", "go run ./cmd/tool && go run . && go run main.go", "CD336", ""},
	{"", "go install -ldflags '-s -w' example.com/x@v1.0.0", "CD336", ""},
	{"", "go install example.com/x@main", "CD336", "CD336"},
	{"", "cargo install --git https://example.com/x", "CD338", "CD338"},
	{"", "cargo install --git https://example.com/x --rev 0123456 x", "CD338", ""},
	{"", "cargo install --path . && cargo install --version 1.0 x", "CD338", ""},
	{"", "composer global require a/b", "CD339", "CD339"},
	{"", "composer require a/b:^1.0 'c/d 1.0'", "CD339", ""},
	{"", "composer install", "CD339", ""},
}

func TestPackages(t *testing.T) {
	for _, test := range packageCases {
		for _, onbuild := range []string{"", "ONBUILD "} {
			text := "FROM example.com/base:1\n" + test.before + onbuild + "RUN " + test.run + "\n"
			r := mustCheck(t, "Dockerfile", text, Options{Only: []string{test.only}})
			line := strings.Count(test.before, "\n") + 2
			got := ""
			for _, f := range r.Findings {
				if f.Line.Line == line {
					got = f.Rule
				}
			}
			if got != test.want {
				t.Errorf("%q: %q, want %q", text, got, test.want)
			}
		}
	}
}
