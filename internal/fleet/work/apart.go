package work

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"
)

// Apart reads each image in a process of its own, which is bounded and may die: the
// image that kills it kills nothing else.
type Apart struct {
	Command []string      // careend itself, with the verb that reads an Order and does it
	Env     []string      // all that the process has of the environment; see Environ
	Memory  int64         // bytes of data that it may have; 0 means 4 GiB
	Time    time.Duration // that it may take; 0 means five minutes
	Output  int64         // bytes that it may answer; 0 means 256 MiB
}

// Death is the end of a process that gave no answer.
type Death struct{ Why string }

func (d Death) Error() string { return "the process that read it ended: " + d.Why }

// Order is what such a process is told, on its standard input. That stays open for
// as long as the answer is waited for.
type Order struct {
	Request Request `json:"request"`
	Memory  int64   `json:"memory"`
}

// answer is what it says, on its standard output.
type answer struct {
	Facts *Facts `json:"facts,omitempty"`
	Error string `json:"error,omitempty"`
}

// Read has an image read. The error is a Death when the process did not answer.
func (a Apart) Read(ctx context.Context, req Request) (*Facts, error) {
	order, err := json.Marshal(Order{req, cmp.Or(a.Memory, 4<<30)})
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(a.Time, 5*time.Minute)
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(bounded, a.Command[0], a.Command[1:]...)
	said, out := &start{most: 16 << 10}, &start{most: cmp.Or(a.Output, 256<<20), beyond: cancel}
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = a.Env, out, said, 5*time.Second
	ownGroup(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		in.Close()
		return nil, err
	}
	_, sendErr := in.Write(order) // it may have died already, which Wait says
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err() // ended with its parent: no fault of the image
	case out.over:
		return nil, Death{fmt.Sprintf("its answer has more than %d bytes", out.most)}
	case bounded.Err() != nil:
		return nil, Death{fmt.Sprintf("it was not done within %s", limit)}
	case err != nil:
		return nil, Death{lastWords(said.b.String(), err)}
	case sendErr != nil:
		return nil, Death{sendErr.Error()}
	}
	var told answer
	if err := json.Unmarshal(out.b.Bytes(), &told); err != nil {
		return nil, Death{"its answer is not whole"}
	}
	if told.Facts == nil {
		return nil, errors.New(cmp.Or(told.Error, "no answer"))
	}
	return told.Facts, nil
}

// lastWords is why a process died, by what the Go runtime wrote, or by how it ended.
func lastWords(said string, err error) string {
	const most = 300
	for line := range strings.Lines(said) {
		for _, begin := range []string{"panic: ", "fatal error: ", "runtime: out of memory", "careend: "} {
			if strings.HasPrefix(line, begin) {
				line = strings.ToValidUTF8(strings.TrimSpace(line), "�")
				return line[:min(len(line), most)]
			}
		}
	}
	return err.Error()
}

// start keeps the beginning of what is written.
type start struct {
	b      bytes.Buffer
	most   int64
	over   bool
	beyond func() // called when there is more; nil to pass over it
}

func (s *start) Write(p []byte) (int, error) {
	left := s.most - int64(s.b.Len())
	s.b.Write(p[:min(int64(len(p)), left)])
	if int64(len(p)) > left {
		s.over = true
		if s.beyond != nil {
			s.beyond()
			return 0, io.ErrShortWrite
		}
	}
	return len(p), nil
}

// ReceiveOrder reads what this process is to do. An order has one line.
func ReceiveOrder(in io.Reader) (Order, error) {
	var o Order
	err := json.NewDecoder(io.LimitReader(in, maxOrder)).Decode(&o)
	return o, err
}

const maxOrder = 1 << 20

// Do bounds this process, reads the image and writes its facts, or why there are none.
func (o Order) Do(ctx context.Context, out io.Writer) error {
	debug.SetMemoryLimit(o.Memory / 4 * 3) // collects in time, before the bound ends it
	if err := bound(o.Memory); err != nil {
		return err
	}
	var a answer
	facts, err := Read(ctx, o.Request)
	if err != nil {
		a.Error = err.Error()
	} else {
		a.Facts = facts
	}
	return json.NewEncoder(out).Encode(a)
}

// passed are the variables that finding a registry, its credential files and their
// helpers takes; one that ends with _ stands for all that begin so.
var passed = []string{"PATH", "HOME", "TMPDIR", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"AWS_", "AZURE_", "GOOGLE_", "SystemRoot", "USERPROFILE", "APPDATA"}

// Environ is what the process that reads an image has of an environment: nothing of
// the database, of tokens, or of anything else that is not the registry's.
func Environ(env map[string]string) []string {
	var list []string
	for name, value := range env {
		for _, p := range passed {
			if name == p || strings.HasSuffix(p, "_") && strings.HasPrefix(name, p) {
				list = append(list, name+"="+value)
			}
		}
	}
	return list
}
