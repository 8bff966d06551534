package reach

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/careen/careen/internal/image"
)

// getUntilAnswered asks a server until it answers with success.
func getUntilAnswered(t *testing.T, url string) func() {
	return func() {
		t.Helper()
		var last error
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			resp, err := http.Get(url)
			if err != nil {
				last = err
				continue
			}
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusOK {
				return
			}
			t.Fatalf("%s: %s", url, resp.Status)
		}
		t.Errorf("%s: %v", url, last)
	}
}

func TestNginxOpensNothingUnreached(t *testing.T) {
	needsTrace(t)
	root := debianRoot(t, "nginx")
	argv := []string{"nginx", "-g", "daemon off;"}
	r := computeDir(t, root, image.Config{Cmd: argv})
	checkTrace(t, r, traceOpened(t, root, nil, argv, getUntilAnswered(t, "http://127.0.0.1:80/")))
}
