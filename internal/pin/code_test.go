package pin

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	oldCommit = "0123456789abcdef0123456789abcdef01234567"
	newCommit = "89abcdef0123456789abcdef0123456789abcdef"
)

// server answers refs with one commit, but for "gone" and "down".
type server struct{ asked []string }

func (s *server) Commit(server, repository, ref string) (string, error) {
	s.asked = append(s.asked, server+" "+repository+" "+ref)
	switch ref {
	case "gone":
		return "", nil
	case "down":
		return "", errors.New("no answer")
	}
	return newCommit, nil
}

func pinCode(t *testing.T, name, text string, opt Options) (string, *Plan) {
	t.Helper()
	d, err := Read(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	opt.Registry = &tags{any: true}
	if opt.Commits == nil {
		opt.Commits = &server{}
	}
	plan := Make([]*Document{d}, opt)
	if len(plan.files) == 0 {
		return text, plan
	}
	return string(plan.files[0].New), plan
}

// TestCodeOfOthers pins what workflows take by a tag, and nothing else.
func TestCodeOfOthers(t *testing.T) {
	workflow := func(line string) string {
		return "on: push\njobs:\n  a:\n    steps:\n    - " + line + "\n    - run: x # y\n"
	}
	for in, want := range map[string]string{
		"uses: o/r@v4":                              "uses: o/r@NEW # v4",
		"uses: o/r/sub/dir@v4.1":                    "uses: o/r/sub/dir@NEW # v4.1",
		"uses: \"o/r@main\"":                        "uses: \"o/r@NEW\" # main",
		"uses: 'o/r@v4'  # v4":                      "uses: 'o/r@NEW'  # v4",
		"uses: o/r@v4 # why not":                    "uses: o/r@NEW # why not # v4",
		"uses: o/r@v4 # renovate: tag=v4":           "uses: o/r@NEW # renovate: tag=v4 # v4",
		"uses: o/r@v4 # careen:ignore=CW107 frozen": "uses: o/r@NEW # careen:ignore=CW107 frozen # v4",
		"uses: o/r@v4\r":                            "uses: o/r@NEW # v4\r",
		"{uses: o/r@v4, with: {a: b}}":              "{uses: o/r@NEW, with: {a: b}}",
		"uses: o/r@" + oldCommit + " # v4":          "uses: o/r@" + oldCommit + " # v4",
		"uses: ./local":                             "uses: ./local",
		"uses: o/r@${{ x }}":                        "uses: o/r@${{ x }}",
		"uses: o/r@gone":                            "uses: o/r@gone",
		"uses: o/r@down":                            "uses: o/r@down",
		"uses: https://git.example.com/o/r@v1":      "uses: https://git.example.com/o/r@NEW # v1",
	} {
		got, _ := pinCode(t, ".github/workflows/a.yml", workflow(in), Options{})
		if diff := cmp.Diff(strings.ReplaceAll(workflow(want), "NEW", newCommit), got); diff != "" {
			t.Errorf("%s:\n%s", in, diff)
		}
		if again, _ := pinCode(t, ".github/workflows/a.yml", got, Options{}); again != got {
			t.Errorf("%s: pinning again gives\n%s", in, again)
		}
	}
	for _, c := range []struct{ file, in, want string }{
		{".github/workflows/b.yml", "on: push\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@v1\n    with: {a: b}\n", "on: push\njobs:\n  a:\n    uses: o/r/.github/workflows/x.yml@NEW # v1\n    with: {a: b}\n"},
		{"action.yml", "runs:\n  using: composite\n  steps:\n  - uses: o/r@v1\n", "runs:\n  using: composite\n  steps:\n  - uses: o/r@NEW # v1\n"},
		{".gitlab-ci.yml", "include:\n- project: g/p\n  ref: main\n  file: /x.yml\n- project: g/q\n  file: /y.yml\n", "include:\n- project: g/p\n  ref: NEW # main\n  file: /x.yml\n- project: g/q\n  file: /y.yml\n"},
		{".gitlab-ci.yml", "include:\n- component: $CI_SERVER_FQDN/g/p/build@1.0.0 # why\n  inputs: {a: b}\n- component: ${CI_SERVER_HOST}/g/sub/p/build@main\n", "include:\n- component: $CI_SERVER_FQDN/g/p/build@NEW # why # 1.0.0\n  inputs: {a: b}\n- component: ${CI_SERVER_HOST}/g/sub/p/build@NEW # main\n"},
		{".gitlab-ci.yml", "include:\n- component: git.example.com:8443/g/p/build@v1\n- component: $OTHER/g/p/build@v1\n- component: $CI_SERVER_FQDN/g/p/build@~latest\n- component: $CI_SERVER_FQDN/g/p/build@$V\n", "include:\n- component: git.example.com:8443/g/p/build@NEW # v1\n- component: $OTHER/g/p/build@v1\n- component: $CI_SERVER_FQDN/g/p/build@~latest\n- component: $CI_SERVER_FQDN/g/p/build@$V\n"},
	} {
		got, _ := pinCode(t, c.file, c.in, Options{})
		if diff := cmp.Diff(strings.ReplaceAll(c.want, "NEW", newCommit), got); diff != "" {
			t.Errorf("%s:\n%s", c.file, diff)
		}
	}
}

// TestServersOfComponents: a component's project is asked for where it says.
func TestServersOfComponents(t *testing.T) {
	s := &server{}
	pinCode(t, ".gitlab-ci.yml", "include:\n- component: $CI_SERVER_FQDN/g/p/build@v1\n- component: git.example.com/g/sub/p/build@v2\n", Options{Commits: s})
	if want := []string{"gitlab g/p v1", "https://git.example.com g/sub/p v2"}; !cmp.Equal(s.asked, want) {
		t.Errorf("asked %q, want %q", s.asked, want)
	}
}

// TestCodeMovesOn follows the tag of the comment, in the forms that others write.
func TestCodeMovesOn(t *testing.T) {
	for comment, tag := range map[string]string{
		"v4": "v4", "v4.2.2": "v4.2.2", "tag=v4": "v4", "pin@v4": "v4", "@v4": "v4", "ratchet:o/r@v4": "v4", "v4 and words": "v4", "why not # v4": "v4", "main": "main", "1.2.3": "1.2.3",
		"": "", "some words": "", "careen:ignore=CW107": "", "gone": "gone",
	} {
		text := "on: push\njobs:\n  a:\n    steps:\n    - uses: o/r@" + oldCommit + " # " + comment + "\n"
		s := &server{}
		got, _ := pinCode(t, ".github/workflows/a.yml", text, Options{Update: true, Commits: s})
		want, asked := text, ""
		if tag != "" {
			asked = "github o/r " + tag
			if tag != "gone" {
				want = strings.Replace(text, oldCommit, newCommit, 1)
			}
		}
		if got != want || strings.Join(s.asked, ",") != asked {
			t.Errorf("%q: asked %q, and\n%s", comment, s.asked, got)
		}
		_, plan := pinCode(t, ".github/workflows/a.yml", text, Options{Check: true})
		state := Stale
		if want == text {
			state = Current
		}
		if plan.Outcomes[0].State != state {
			t.Errorf("%q: state %d, want %d", comment, plan.Outcomes[0].State, state)
		}
	}
	_, plan := pinCode(t, ".github/workflows/a.yml", "on: push\njobs:\n  a:\n    steps:\n    - uses: o/r@v4\n", Options{Check: true})
	if plan.Outcomes[0].State != Unpinned {
		t.Errorf("state %d", plan.Outcomes[0].State)
	}
}

// TestCodeInTheLock asks the lock before the server, and tells it what that said.
func TestCodeInTheLock(t *testing.T) {
	lock := newLock()
	text := "on: push\njobs:\n  a:\n    steps:\n    - uses: o/r@v4\n"
	if _, plan := pinCode(t, ".github/workflows/a.yml", text, Options{Lock: lock}); len(plan.files) != 1 || lock.Commits["github:o/r@v4"] != newCommit {
		t.Errorf("%+v", lock)
	}
	s := &server{}
	if got, _ := pinCode(t, ".github/workflows/a.yml", text, Options{Lock: lock, Commits: s}); !strings.Contains(got, newCommit+" # v4") || s.asked != nil {
		t.Errorf("asked %q\n%s", s.asked, got)
	}
}
