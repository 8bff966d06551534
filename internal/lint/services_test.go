package lint

import (
	"fmt"
	"strings"
	"testing"
)

// TestPublishedPorts goes through the spellings of a port.
func TestPublishedPorts(t *testing.T) {
	only := Options{Only: []string{"CS212"}}
	for port, want := range map[string]string{
		`"8443:443"`:                                      `"127.0.0.1:8443:443", or the address that is meant`,
		`"0.0.0.0:82:82"`:                                 `"127.0.0.1:82:82", or the address that is meant`,
		`"[::]:82:82"`:                                    `"127.0.0.1:82:82", or the address that is meant`,
		`"[0:0:0:0:0:0:0:0]:82:82"`:                       `"127.0.0.1:82:82", or the address that is meant`,
		`"3000-3005:3000-3005/udp"`:                       `"127.0.0.1:3000-3005:3000-3005/udp", or the address that is meant`,
		`"3000"`:                                          `"127.0.0.1::3000", or the address that is meant`,
		`"${BIND:-0.0.0.0}:82:82"`:                        `"127.0.0.1:82:82", or the address that is meant`,
		`"0.0.0.0:${PORT}:82"`:                            `"127.0.0.1:${PORT}:82", or the address that is meant`,
		`{target: 80, published: 80}`:                     `host_ip: 127.0.0.1, or the address that is meant`,
		`{target: 80, published: "80", host_ip: "::"}`:    `host_ip: 127.0.0.1, or the address that is meant`,
		`"127.0.0.1:82:82"`:                               "",
		`"[::1]:82:82"`:                                   "",
		`"192.0.2.7:82:82"`:                               "",
		`"${BIND:-127.0.0.1}:82:82"`:                      "",
		`"${BIND}:82:82"`:                                 "",
		`"${PORTS}:82"`:                                   "",
		`{target: 80, published: 80, host_ip: 127.0.0.1}`: "",
	} {
		r := mustCheck(t, "compose.yaml", "services:\n  a:\n    image: x:1\n    ports:\n    - "+port+"\n", only)
		got := ""
		if len(r.Findings) > 0 {
			got = r.Findings[0].Fix
		}
		if got != want {
			t.Errorf("%s: %q, want %q", port, got, want)
		}
	}
	for args, want := range map[string]string{
		"-p 80:80": "-p 127.0.0.1:80:80, or the address that is meant", "--publish=0.0.0.0:80:80": "-p 127.0.0.1:80:80, or the address that is meant",
		"-p [::]:80:80": "-p 127.0.0.1:80:80, or the address that is meant", "-itp80:80": "-p 127.0.0.1:80:80, or the address that is meant",
		"-P": "-p 127.0.0.1:…:… for each port that is needed", "-p 127.0.0.1:80:80": "", "--network host -p 80:80": "",
	} {
		r := mustCheck(t, "run.sh", "docker run "+args+" x:1\n", only)
		got := ""
		if len(r.Findings) > 0 {
			got = r.Findings[0].Fix
		}
		if got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}

// TestEngineSockets goes through the ways to hand the engine's socket in.
func TestEngineSockets(t *testing.T) {
	for volume, want := range map[string]bool{
		`"/var/run/docker.sock:/var/run/docker.sock"`:                                       true,
		`"${DOCKER_SOCK:-/var/run/docker.sock}:/x"`:                                         true,
		`"${DOCKER_SOCK}:/var/run/docker.sock:ro"`:                                          true,
		`"$XDG_RUNTIME_DIR/docker.sock:/run/x"`:                                             true,
		`"/run/user/1000/podman/podman.sock:/s"`:                                            true,
		`{type: bind, source: /run/docker.sock, target: /x}`:                                true,
		`{type: bind, source: "${S:-/run/containerd/containerd.sock}", target: /x}`:         true,
		`{type: npipe, source: '\\.\pipe\docker_engine', target: '\\.\pipe\docker_engine'}`: true,
		`"sock:/x"`:            true,
		`"data:/var/lib/data"`: false,
	} {
		text := "volumes:\n  sock: {driver_opts: {type: none, o: bind, device: /var/run/docker.sock}}\nservices:\n  a:\n    image: x:1\n    volumes:\n    - " + volume + "\n"
		if got := found(mustCheck(t, "compose.yaml", text, Options{Only: []string{"CS113"}})); (got == "CS113@7") != want {
			t.Errorf("%s: %q", volume, got)
		}
	}
	for _, line := range []string{"-v $SOCK:/var/run/docker.sock", "--mount type=bind,src=/var/run/docker.sock,dst=/x", "--use-api-socket"} {
		if got := found(mustCheck(t, "run.sh", "docker run "+line+" x:1\n", Options{Only: []string{"CS113"}})); got != "CS113@1" {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// TestFixesInTheWordsOfTheFile holds that what is said to do fits the file.
func TestFixesInTheWordsOfTheFile(t *testing.T) {
	foreign := map[string][]string{
		"compose.yaml": {"--", "securityContext", "resources:", "runAs"},
		"run.sh":       {"cap_drop", "security_opt", "mem_limit", "read_only", "securityContext", "resources", "network_mode", "runAs"},
		"pod.yaml":     {"--", "cap_drop", "security_opt", "mem_limit", "read_only", "network_mode"},
	}
	for name, text := range map[string]string{
		"compose.yaml": "services:\n  a:\n    image: x\n    privileged: true\n    user: root\n    network_mode: host\n    pid: host\n    ipc: host\n    uts: host\n    userns_mode: host\n    cgroup: host\n    cap_add: [SYS_ADMIN]\n    security_opt: ['seccomp:unconfined', 'apparmor:unconfined']\n    environment: {TOKEN: abcdefgh}\n    restart: always\n    healthcheck: {disable: true}\n  b: {image: 'x:1', ports: ['22:22']}\n",
		"run.sh":       "docker run --privileged -u root --network=host --pid=host --ipc=host --uts=host --userns=host --cgroupns=host --cap-add=SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined -e TOKEN=abcdefgh --restart=always --no-healthcheck x\ndocker run -p 22:22 x:1\n",
		"pod.yaml":     pod("      securityContext: {privileged: true, runAsUser: 0, seccompProfile: {type: Unconfined}, appArmorProfile: {type: Unconfined}, capabilities: {add: [SYS_ADMIN]}}\n      env: [{name: TOKEN, value: abcdefgh}]\n  hostNetwork: true\n  hostPID: true\n  hostIPC: true\n"),
	} {
		r := mustCheck(t, name, text, Options{})
		if len(r.Findings) < 10 {
			t.Errorf("%s: %s", name, found(r))
		}
		for _, f := range r.Findings {
			for _, word := range foreign[name] {
				if strings.Contains(f.Fix, word) {
					t.Errorf("%s, %s: %q", name, f.Rule, f.Fix)
				}
			}
		}
	}
}

func TestSecretsOfServices(t *testing.T) {
	only := Options{Only: []string{"CS119", "CS127", "CS128", "CS129", "CW108", "CW109"}}
	const key = "AKIAZ7QRT2LMWX4NPB6K"
	for _, test := range []struct{ name, text, want string }{
		{"compose.yaml", "services:\n  a:\n    build:\n      args:\n        NPM_TOKEN: abcdefgh12\n    labels:\n      com.example.api-key: abcdefgh12\n    image: x:1\n", "CS119@5 CS119@7"},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    labels: ['deploy=" + key + "']\n    command: serve --key " + key + "\n", "CS127@4 CS127@5"},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    environment:\n      DB_PASSWORD: ${DB_PASSWORD:-hunter22}\n      B_PASSWORD: ${B_PASSWORD}\n      C_PASSWORD: ${C:?set it}\n", "CS119@5"},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    environment:\n    - URL=postgres://shop:kq83hs7@db/shop\n    - OTHER=postgres://shop:${PW}@db/shop\n    command: [serve, --password, kq83hs7x]\n", "CS129@5 CS129@7"},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    command: redis-server --requirepass $${PASS}\n    entrypoint: [serve, --password-file, /x]\n", ""},
		{"compose.yaml", "services:\n  a:\n    image: x:1\n    healthcheck:\n      test: [CMD, curl, -H, 'Authorization: Bearer kq83hs7xkq']\n", "CS129@5"},
		{"run.sh", "docker run -e A=1 x:1 serve --token=kq83hs7x\ndocker run -l x=" + key + " x:1\ndocker run --env DATABASE_URL=mysql://u:kq83hs7@h/x x:1\n", "CS129@1 CS127@2 CS129@3"},
		{"cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  db-password: kq83hs7x\n  app.conf: |\n    key = " + key + "\n    url = amqp://u:kq83hs7@h\n", "CS129@5 CS127@7 CS129@8"},
		{"cm.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  token_url: https://x/token\n  password: ${PASSWORD}\n", ""},
		{"values.yaml", "image: {repository: x, tag: '1'}\nauth:\n  rootPassword: kq83hs7xk\n  password: \"\"\n  existingSecret: x\n  passwordKey: password\n", "CS129@3"},
		{"s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  password: a3E4M2hzN3g=\n  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==\n  username: YWRtaW4=\n", "CS128@5"},
		{"s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  .dockerconfigjson: eyJhdXRocyI6eyJyLmV4YW1wbGUuY29tIjp7ImF1dGgiOiJjbTlpYjNRNmEzRTRNMmh6TjNnPSJ9fX0=\n", "CS128@5"},
		{"s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  password: ENC[AES256_GCM,data:x]\nsops: {}\n", ""},
		{"s.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: s}\nspec:\n  encryptedData: {password: AgBy8h}\n", ""},
		{"d.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\n  annotations: {x: " + key + "}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: x:1\n        args: ['--password=kq83hs7x']\n", "CS127@5 CS129@12"},
		{".github/workflows/b.yml", "on: push\nenv: {API_TOKEN: kq83hs7xkq}\njobs:\n  a:\n    runs-on: x\n    services: {db: {image: 'x:1', env: {DB_PASSWORD: kq83hs7x}}}\n    env: {K_TOKEN: '${{ secrets.K }}', TOKEN_URL: https://x/y}\n    steps:\n    - run: make\n      env: {SECRET: kq83hs7xkq}\n", "CW109@2 CW109@10"},
		{".gitlab-ci.yml", "variables:\n  DB_PASSWORD: kq83hs7x\n  OTHER: $X\na:\n  script: [x]\n  variables: {A_TOKEN: $B}\n", "CW109@2"},
		{".circleci/config.yml", "jobs:\n  a:\n    docker: [{image: 'x:1', environment: {DB_PASSWORD: kq83hs7x}}]\n    steps: [checkout]\n", "CW109@3"},
		{".github/workflows/a.yml", "on: push\njobs:\n  a:\n    runs-on: x\n    env: {K: " + key + "}\n    steps: [{run: make}]\n", "CW108@5"},
	} {
		r := mustCheck(t, test.name, test.text, only)
		if got := found(r); got != test.want {
			t.Errorf("%s: %q, want %q\n%s", test.name, got, test.want, test.text)
		}
		for _, f := range r.Findings {
			if strings.Contains(f.Text+f.Message, key) || strings.Contains(f.Text+f.Message, "kq83hs7") || strings.Contains(f.Text, "a3E4M2hzN3g") {
				t.Errorf("%s shows a secret: %s", f.Rule, f.Text)
			}
		}
	}
}

func TestMovableCode(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for uses, want := range map[string]bool{
		"owner/repo@v4": true, "owner/repo/sub/dir@v4.2.1": true, "owner/repo@main": true, "owner/repo@" + commit[:7]: true, "docker://alpine:3": true,
		"owner/repo@" + commit: false, "./local": false, "docker://alpine:3@sha256:ab": false, "owner/repo@${{ matrix.v }}": false,
	} {
		if got := found(mustCheck(t, ".github/workflows/a.yml", job("      - uses: "+uses+"\n"), Options{Only: []string{"CW107"}})); (got != "") != want {
			t.Errorf("%s: %q", uses, got)
		}
	}
	for name, text := range map[string]string{
		".github/workflows/b.yml": "on: push\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@v1\n",
		"action.yml":              "runs:\n  using: composite\n  steps:\n  - uses: o/r@v1\n",
		".gitlab-ci.yml":          "include:\n- project: g/p\n  file: /x.yml\n\n  ref: main\n",
	} {
		if got := found(mustCheck(t, name, text, Options{Only: []string{"CW107"}})); !strings.HasPrefix(got, "CW107@") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestInlineDockerfiles looks at the Dockerfiles of compose files, and fixes them
// where they stand.
func TestInlineDockerfiles(t *testing.T) {
	compose := "services:\n  a:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM debian:latest\n        # careen:ignore=CD303 mirror\n        RUN apt-get update && apt-get install curl && rm -rf /var/lib/apt/lists/*\n        ENV P=$${HOME}\n        USER 1000\n  b:\n    build: {dockerfile_inline: \"FROM alpine\\nUSER 1\\n\"}\n"
	only := Options{Only: []string{"CD002", "CD003", "CD301", "CD303", "CD501"}}
	r := mustCheck(t, "compose.yaml", compose, only)
	if got, want := found(r), "CD003@6 CD301@8 ~CD303@8 CD002@12"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	fixed, _, err := Fix("compose.yaml", []byte(compose), only)
	if want := strings.Replace(compose, "apt-get install curl", "apt-get install -y curl", 1); err != nil || string(fixed) != want {
		t.Errorf("%v\n%s", err, fixed)
	}
	// What a fix adds as lines of its own has the indentation of the file.
	compose = "services:\n  a:\n    build:\n      dockerfile_inline: |\n        FROM debian:13\n        RUN apt-get update \\\n          && apt-get install -y curl=1\n        CMD x $$HOME\n"
	fixed, _, err = Fix("compose.yaml", []byte(compose), Options{Only: []string{"CD303", "CD304"}})
	if err != nil || !strings.Contains(string(fixed), "curl=1 \\\n          && rm -rf /var/lib/apt/lists/*\n        CMD x $$HOME\n") {
		t.Errorf("%v\n%s", err, fixed)
	}
}

// BenchmarkRunLines shows that the work is in proportion to the file: a line
// takes the same time among 250 and among 16,000, secrets in each.
func BenchmarkRunLines(b *testing.B) {
	for _, n := range []int{250, 1000, 4000, 16_000} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "docker run -p %d:80 -e TOKEN=kq83hs7x%[1]d registry.example.com/x:1\n", i)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Check("run.sh", []byte(text.String()), Options{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/line")
		})
	}
}

// TestDeployedSecrets goes through the places of a password, and the programs that
// take one. What has the form of an issuer's key but not its checksum is a password.
func TestDeployedSecrets(t *testing.T) {
	only := Options{Only: []string{"CS119", "CS127", "CS129"}}
	const form = "ghp_k3Jd8sLq2Zx7Vb1Nc8Mm4Pp3Rr6Tt5Yy0WwQ"
	for text, want := range map[string]string{
		"environment: {API_TOKEN: " + form + "}":               "CS119@4",
		"labels: [token=" + form + "]":                         "CS119@4",
		"build: {args: {NPM_TOKEN: " + form + "}}":             "CS119@4",
		"environment: {A: " + form + "}":                       "",
		"command: [serve, --api-key=" + form + "]":             "CS129@4",
		"command: [serve, --api-key, " + form + "]":            "CS129@4",
		"command: [serve, --api-key, AKIAZ7QRT2LMWX4NPB6K]":    "CS127@4",
		"environment: {API_KEY: AKIAZ7QRT2LMWX4NPB6K}":         "CS127@4",
		"healthcheck: {test: [CMD, mysqladmin, -pS3cretPw99]}": "CS129@4",
		"healthcheck: {test: mysqladmin -u root -pS3cretPw99}": "CS129@4",
		"healthcheck: {test: [CMD, mysqladmin, -p, ping]}":     "",
		"command: [redis-cli, -a, S3cretPw99, ping]":           "CS129@4",
		"command: [redis-cli, -a, $PW, ping]":                  "",
		"command: curl -u admin:S3cretPw99 https://x":          "CS129@4",
		"command: curl -uadmin:S3cretPw99 https://x":           "CS129@4",
		"command: curl -u admin https://x":                     "",
		"command: mkdir -p S3cretPw99":                         "",
	} {
		if got := found(mustCheck(t, "compose.yaml", "services:\n  a:\n    image: x:1\n    "+text+"\n", only)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for line, want := range map[string]string{
		"db.password=S3cretPw99":                        "CS129@6",
		"  password: 'S3cretPw99'":                      "CS129@6",
		"export DB_PASSWORD=S3cretPw99":                 "CS129@6",
		"password = ${PW}":                              "",
		"password-file=/run/x":                          "",
		"# why password: these are words":               "",
		"spring.datasource.url=jdbc:x://db/y?password=": "",
	} {
		text := "apiVersion: v1\nkind: ConfigMap\ndata:\n  app.conf: |\n    a=b\n    " + line + "\n    c=d\n"
		if got := found(mustCheck(t, "cm.yaml", text, only)); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestOfThePod: what containers take from one line of their pod is said once.
func TestOfThePod(t *testing.T) {
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext: {runAsUser: 0, appArmorProfile: {type: Unconfined}}\n  containers:\n  - {name: a, image: 'x:1'}\n  - {name: b, image: 'x:1'}\n  - name: c\n    image: x:1\n    securityContext: {runAsUser: 0}\n"
	var got []string
	for _, f := range mustCheck(t, "pod.yaml", text, Options{Only: []string{"CS106", "CS116"}}).Findings {
		got = append(got, fmt.Sprint(f.Line.Line, " ", f.Message))
	}
	want := "5 Pod/p runs as root; 5 Pod/p: AppArmor is off; 11 Pod/p c runs as root"
	if strings.Join(got, "; ") != want {
		t.Errorf("%q, want %q", strings.Join(got, "; "), want)
	}
	one := "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers: [{name: a, image: x}, {name: b, image: x}]\n"
	if n := len(mustCheck(t, "pod.yaml", one, Options{Only: []string{"CS202"}}).Findings); n != 2 {
		t.Errorf("%d findings of two containers on one line", n)
	}
}
