package image

import (
	"testing"

	"github.com/careen/careen/internal/costs"
)

func TestCleanInstruction(t *testing.T) {
	for line, want := range map[string]string{
		// Docker's classic builder.
		"/bin/sh -c #(nop)  COPY file:0123 in / ":             "COPY file:0123 in /",
		"/bin/sh -c #(nop) ADD file:ab in / ":                 "ADD file:ab in /",
		`/bin/sh -c #(nop)  CMD ["sh"]`:                       `CMD ["sh"]`,
		"/bin/sh -c apt-get update \t&& apt-get install -y x": "RUN apt-get update && apt-get install -y x",
		"|1 TOKEN=s3cret /bin/sh -c make":                     "RUN make",
		"|2 A=1 B=two words here /bin/sh -c make all":         "RUN make all",
		"|1 FLAGS=-O2 -I/usr/include -g=1 /bin/sh -c make":    "RUN make",
		"|1 A=1 /bin/bash -o pipefail -c make":                "RUN make",
		"|1 A=s3cret":                                         "RUN",
		"|1 A=s3cret /bin/sh -c #(nop) COPY file:1 in / ":     "COPY file:1 in /",
		"|x A=1 y": "|x A=1 y",
		// BuildKit.
		"RUN /bin/sh -c apk add curl # buildkit":           "RUN apk add curl",
		"RUN |1 TOKEN=s3cret /bin/sh -c curl x # buildkit": "RUN curl x",
		"RUN /bin/bash -eo pipefail -c a | b # buildkit":   "RUN a | b",
		"RUN /bin/bash -o pipefail -c a | b # buildkit":    "RUN a | b",
		"RUN /usr/bin/make -c x # buildkit":                "RUN /usr/bin/make -c x",
		"RUN npm ci # buildkit":                            "RUN npm ci",
		"RUN /bin/sh -c <<EOF (a && b)# buildkit":          "RUN <<EOF (a && b)",
		"COPY a /b # buildkit":                             "COPY a /b",
		"WORKDIR /srv":                                     "WORKDIR /srv",
		`ENTRYPOINT ["/bin/x"]`:                            `ENTRYPOINT ["/bin/x"]`,
		// Windows.
		"cmd /S /C #(nop) COPY file:1 in C:\\ ": "COPY file:1 in C:\\",
		"cmd /S /C dir":                         "RUN dir",
		"powershell -Command Get-Item x":        "RUN Get-Item x",
		// Others, kept as they are.
		"bazel build ...": "bazel build ...",
		"# debian.sh --arch 'amd64' out/ 'bookworm' '@1'": "# debian.sh --arch 'amd64' out/ 'bookworm' '@1'",
		"ko build ko://example.com/x":                     "ko build ko://example.com/x",
		"":                                                "",
	} {
		if got := cleanInstruction(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func FuzzCleanInstruction(f *testing.F) {
	f.Add("|2 A=1 B=2 /bin/sh -c #(nop) x # buildkit")
	f.Add("RUN /bin/bash -o pipefail -c x")
	costs.Fuzz(f, func(t *testing.T, line string) {
		got := cleanInstruction(line)
		if len(got) > len(line)+len("RUN ") {
			t.Errorf("%q became longer: %q", line, got)
		}
	})
}
