package slim

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// errNoTrace says why no trace can be had.
var errNoTrace = errors.New("to learn which files are missing, install strace and util-linux")

// Trace runs a trial under strace and returns the files that its processes
// opened or executed with success, relative to the root, sorted. It is called
// like Run.
func (t *Trial) Trace(ctx context.Context) ([]string, error) {
	var tools []string
	for _, name := range []string{"unshare", "strace", "setpriv", "nsenter"} {
		tool, err := exec.LookPath(name)
		if err != nil {
			return nil, errNoTrace
		}
		tools = append(tools, tool)
	}
	_, argv, err := t.argv()
	if err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(filepath.Dir(t.Root), "trace-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	if err := t.isolate(); err != nil {
		return nil, err
	}
	// strace stays outside of the root, in a namespace of processes for which it
	// has a /proc of its own.
	line := []string{"unshare", "--fork", "--pid", "--mount-proc", "--kill-child",
		tools[1], "-f", "-qq", "-y", "-s", "4096", "-e", "trace=?open,openat,?openat2,execve,?execveat,chroot", "-o", log.Name(),
		tools[2], "--bounding-set=-all,+" + strings.Join(containerCapabilities, ",+"),
		tools[3], "--root=" + t.Root, "--wd=" + filepath.Join(t.Root, t.workingDir())}
	if uid, gid, ok := numericUser(t.Tree, t.Config.User); ok {
		line = append(line, "--setuid="+strconv.Itoa(uid), "--setgid="+strconv.Itoa(gid))
	}
	line = append(append(line, "--"), argv...)
	attr := &syscall.ProcAttr{Env: t.environment(), Sys: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}}
	seen, err := t.watch(ctx, tools[0], line, attr)
	if err != nil {
		return nil, err
	}
	opened, err := readTrace(log, t.Root)
	if err == nil && len(opened) == 0 {
		err = fmt.Errorf("the original could not be traced: %s %s", seen.Failed, seen.Output)
	}
	return opened, err
}

// What strace writes of an open and of an execution that succeeded; with -y a
// descriptor is followed by the path that it has, links resolved.
var (
	openedLine   = regexp.MustCompile(`= \d+<([^>]+)>`)
	executedLine = regexp.MustCompile(`execve(?:at)?\([^"]*"([^"]+)".*= 0$`)
)

func readTrace(log *os.File, root string) ([]string, error) {
	opened := map[string]bool{}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	inside := false
	for lines.Scan() && len(opened) < maxOpened {
		line := lines.Text()
		if !inside {
			inside = strings.Contains(line, "chroot(") && strings.HasSuffix(line, "= 0")
		} else if m := executedLine.FindStringSubmatch(line); m != nil {
			opened[strings.Trim(path.Clean(m[1]), "/")] = true
		} else if m := openedLine.FindStringSubmatch(line); m != nil {
			if below, ok := strings.CutPrefix(m[1], root+"/"); ok {
				opened[below] = true
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the trace: %w", err)
	}
	var list []string
	for file := range opened {
		list = append(list, file)
	}
	slices.Sort(list)
	return list, nil
}
