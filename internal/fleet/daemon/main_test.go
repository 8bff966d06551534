package daemon

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/careen/careen/internal/fleet/work"
)

// TestMain makes this program careend too, when it is to read an image or to work.
func TestMain(m *testing.M) {
	if len(os.Args) >= 2 && (os.Args[1] == readVerb || os.Args[1] == "worker") {
		os.Exit(Main(nil, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestTheReaderEndsWithItsParent closes what a process that reads an image gets its
// order from, while its registry does not answer.
func TestTheReaderEndsWithItsParent(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, readVerb)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	order, err := json.Marshal(work.Order{Memory: 4 << 30, Request: work.Request{Repo: silent.Addr().String() + "/app", Digest: "sha256:" + strings.Repeat("a", 64), Insecure: true}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(order); err != nil {
		t.Fatal(err)
	}
	conn, err := silent.Accept() // it has its order
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("it ended with %v", err)
	}
}
