package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestProgramsOfThePage runs the programs that docs/json.md shows on one report and on
// a list of them: all say the same.
func TestProgramsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	one, err := os.ReadFile(filepath.Join("testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	const found = "CVE-2021-44906 pkg:npm/minimist@0.0.8 0.2.4\nCVE-2021-44906 pkg:npm/minimist@1.2.5 1.2.6\n" +
		"CVE-2023-24538 pkg:golang/stdlib@1.19.8 1.20.3\nCVE-2024-24790 pkg:golang/stdlib@1.19.8 1.21.11\n"
	list := bytes.Join([][]byte{[]byte("["), one, []byte(","), one, []byte("]")}, nil)
	runs := map[string][]string{"jq": {"jq", "-r", "-f"}, "python": {"python3"}, "go": {"go", "run"}}
	files := map[string]string{"jq": "question.jq", "python": "question.py", "go": "question.go"}
	for language, command := range runs {
		t.Run(language, func(t *testing.T) {
			m := regexp.MustCompile("(?s)<!-- program " + language + " -->\n```" + language + "\n(.*?)```").FindSubmatch(page)
			if m == nil {
				t.Fatal("docs/json.md has no such program")
			}
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skipf("%s is not installed", command[0])
			}
			file := filepath.Join(t.TempDir(), files[language])
			if err := os.WriteFile(file, m[1], 0o644); err != nil {
				t.Fatal(err)
			}
			for input, want := range map[string]string{string(one): found, string(list): found + found} {
				cmd := exec.Command(command[0], append(command[1:], file)...)
				cmd.Stdin = bytes.NewReader([]byte(input))
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if out, err := cmd.Output(); err != nil || string(out) != want {
					t.Errorf("%v: %s\n%s\nwant\n%s", err, stderr.String(), out, want)
				}
			}
		})
	}
}
