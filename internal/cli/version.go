package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/careen/careen/internal/cli/wording"
)

// What the linker may set where a program is built from something else than a
// checkout of the repository, as in a container without its history.
var (
	release = "" // the version, without "v"
	commit  = "" // the whole hash
	date    = "" // of the commit, RFC 3339
)

// origin says what this program was built from. What is not known is "".
type origin struct {
	version string // "1.4.0"; "devel" where nobody said
	commit  string
	date    string
}

// thisOrigin is what the linker set, else what the Go toolchain recorded: the
// version by which a module was installed, or the state of the checkout.
func thisOrigin() origin {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return originOf(info).or(origin{strings.TrimPrefix(release, "v"), commit, date})
}

// or takes from a release what it says.
func (b origin) or(r origin) origin {
	return origin{cmp.Or(r.version, b.version), cmp.Or(r.commit, b.commit), cmp.Or(r.date, b.date)}
}

func originOf(info *debug.BuildInfo) origin {
	b := origin{version: "devel"}
	if v := strings.TrimPrefix(info.Main.Version, "v"); v != "" && v != "(devel)" {
		b.version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.commit = s.Value
		case "vcs.time":
			b.date = s.Value
		}
	}
	return b
}

// shortCommit is as many digits as Go's pseudo-versions have.
const shortCommit = 12

// String is the version with the commit and its day as build metadata
// (semver.org, 10): "1.4.0+20261128.1933584af0e1". A pseudo-version of Go has
// both already.
func (b origin) String() string {
	short := b.commit[:min(len(b.commit), shortCommit)]
	if short != "" && strings.Contains(b.version, short) {
		return b.version
	}
	var more []string
	if at, err := time.Parse(time.RFC3339, b.date); err == nil {
		more = append(more, at.UTC().Format("20060102"))
	}
	if short != "" {
		more = append(more, short)
	}
	if more == nil {
		return b.version
	}
	mark := "+"
	if strings.Contains(b.version, "+") {
		mark = "."
	}
	return b.version + mark + strings.Join(more, ".")
}

// version is what every document says that made it.
func version() string { return thisOrigin().String() }

// versionVerb is careen version.
type versionVerb struct{ *command }

func (c versionVerb) define() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what it was built from",
		Args:  wording.Takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			b := thisOrigin()
			text := fmt.Sprintf("careen %s\n", b)
			for _, line := range [][2]string{{"commit", b.commit}, {"date", b.date}, {"built by", runtime.Version() + " for " + runtime.GOOS + "/" + runtime.GOARCH}} {
				if line[1] != "" {
					text += fmt.Sprintf("%-8s  %s\n", line[0], line[1])
				}
			}
			_, err := c.stdout.Write([]byte(text))
			return err
		},
	}
}
