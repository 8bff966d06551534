package fix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/careen/careen/internal/dockerfile"
)

// compiling are the commands that make programs of sources.
const compiling = "go build|go install|cargo build|cargo install|make|cmake|gcc|g++|clang|mvn|gradle|gradlew|javac|npm run build|yarn build|pnpm build|dotnet publish|dotnet build|tsc|webpack|ghc|zig build"

// Compiles returns the line of the RUN that makes programs of sources in a file
// of a single stage: what only it needs is in the image too.
func Compiles(f *dockerfile.File) (line int, ok bool) {
	if len(f.Stages) != 1 {
		return 0, false
	}
	for _, in := range f.Stages[0].Instructions {
		if in.Name != "RUN" {
			continue
		}
		words := strings.FieldsFunc(in.Text, func(r rune) bool { return strings.ContainsRune(" \t\n;&|()\"'[],", r) })
		text := " " + strings.Join(words, " ") + " "
		for command := range strings.SplitSeq(compiling, "|") {
			if strings.Contains(text, " "+command+" ") {
				return in.Line, true
			}
		}
	}
	return 0, false
}

// Engine is the docker command, as the user has it.
type Engine struct {
	Log io.Writer // of builds
}

const maxSaid = 400 // bytes of what a program printed

// Build builds a Dockerfile in a context under a name. One without RUN needs no
// network; what RUN fetches is the file's own business.
func (e Engine) Build(ctx context.Context, folder string, source []byte, name string) error {
	cmd := exec.CommandContext(ctx, "docker", "build", "-f", "-", "-t", name, folder)
	cmd.Stdin = bytes.NewReader(source)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&said, e.Log), io.MultiWriter(&said, e.Log)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("docker build: %w%s", err, lastWords(said.String()))
	}
	return nil
}

// Remove takes the name away again.
func (e Engine) Remove(name string) { _ = exec.Command("docker", "rmi", "-f", name).Run() }

// Start runs an image with the flags of docker run, without a network, for as
// long as a server needs to fall over or a batch program to end.
func (e Engine) Start(ctx context.Context, name string, flags []string, within time.Duration) (Trial, error) {
	args := []string{"run", "-d", "--network", "none"}
	for _, f := range flags {
		args = append(args, strings.Fields(f)...)
	}
	id, err := e.ask(ctx, append(args, name)...)
	if err != nil {
		if ctx.Err() != nil {
			return Trial{}, ctx.Err()
		}
		return Trial{Said: "does not start: " + err.Error()}, nil
	}
	defer func() { _ = exec.Command("docker", "rm", "-f", "-v", id).Run() }()
	for deadline := time.Now().Add(within); ; {
		state, err := e.ask(ctx, "inspect", "-f", "{{.State.Running}} {{.State.ExitCode}} {{if .State.Health}}{{.State.Health.Status}}{{end}}", id)
		if err != nil {
			return Trial{}, err
		}
		words := strings.Fields(state)
		health := strings.Join(words[min(2, len(words)):], "")
		switch {
		case len(words) < 2:
			return Trial{}, fmt.Errorf("docker inspect says %q", state)
		case words[0] != "true":
			return e.ended(ctx, id, words[1])
		case health == "healthy":
			return Trial{true, "runs, and is healthy"}, nil
		case health == "unhealthy":
			return Trial{false, "runs, and its health check fails"}, nil
		case time.Now().After(deadline):
			return Trial{true, "still runs after " + within.String()}, nil
		}
		select {
		case <-ctx.Done():
			return Trial{}, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (e Engine) ended(ctx context.Context, id, code string) (Trial, error) {
	exit, err := strconv.Atoi(code)
	if err != nil {
		return Trial{}, err
	}
	if exit == 0 {
		return Trial{true, "ran to its end"}, nil
	}
	out, _ := exec.CommandContext(ctx, "docker", "logs", id).CombinedOutput()
	return Trial{false, fmt.Sprintf("ends with %d%s", exit, lastWords(string(out)))}, nil
}

func (e Engine) ask(ctx context.Context, args ...string) (string, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New("docker " + args[0] + ": " + err.Error() + lastWords(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

func lastWords(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	return ": " + strings.ToValidUTF8(text[max(0, len(text)-maxSaid):], "")
}
