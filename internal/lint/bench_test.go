package lint

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLines shows that the work grows with the file and not with its square:
// the time for each line stays the same.
func BenchmarkLines(b *testing.B) {
	shapes := map[string]func(n int) string{
		"run": func(n int) string { return strings.Repeat("RUN apt-get update && apt-get install -y curl\n", n) },
		"pip": func(n int) string {
			return "ENV A=1\n" + strings.Repeat("RUN pip install flask && cd /x; rm -rf $A/*\n", n)
		},
		"env":    func(n int) string { return strings.Repeat("ENV A=$A B=$C\nWORKDIR $D\n", n/2) },
		"copy":   func(n int) string { return strings.Repeat("COPY a.tar /b.tar\nRUN tar -xf c.tar\n", n/2) },
		"stages": func(n int) string { return strings.Repeat("FROM a AS b\nCOPY --from=c d e\n", n/2) },
		"chain": func(n int) string {
			var s strings.Builder
			for i := range n / 2 {
				fmt.Fprintf(&s, "FROM s%d AS s%d\nRUN apt-get update\n", i-1, i)
			}
			return s.String()
		},
		"comments": func(n int) string { return strings.Repeat("# hadolint ignore=DL3008\nRUN apt-get install curl\n", n/2) },
		"secrets":  func(n int) string { return strings.Repeat("ENV PASSWORD=hunter2hunter2\n", n) },
		"joined":   func(n int) string { return "RUN a" + strings.Repeat(" \\\n  && apk add b", n) + "\n" },
		"users":    func(n int) string { return strings.Repeat("USER a\nRUN sudo b\n", n/2) },
	}
	for _, name := range []string{"run", "pip", "env", "copy", "stages", "chain", "comments", "secrets", "joined", "users"} {
		for _, n := range []int{250, 1000, 4000, 16000} {
			data := []byte("FROM debian:13\n" + shapes[name](n))
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					CheckDockerfile("Dockerfile", data, Options{})
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/line")
			})
		}
	}
}
