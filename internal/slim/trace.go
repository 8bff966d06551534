package slim

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/careen/careen/internal/lazy"
	"github.com/careen/careen/internal/rootfs"
)

const (
	maxTrace     = 256 << 20 // bytes of a recorded trace
	maxTraceLine = 1 << 20
	maxTraced    = 200_000 // files
)

// What strace writes of an open and of an execution that succeeded; with -y a
// descriptor is followed by the path that it has.
var (
	tracedCall   = lazy.Regexp(`\b(?:open|openat|openat2|creat|execve|execveat)\(`)
	tracedPath   = lazy.Regexp(`\((?:AT_FDCWD(?:<([^>]*)>)?, |\d+<([^>]*)>, )?"((?:[^"\\]|\\.)*)"`)
	tracedResult = lazy.Regexp(`= \d+(?:<([^>]+)>)?$`)
)

// ReadTrace reads which files a program opened or executed: paths, one a line, or
// what strace wrote of it (strace -f -e trace=file). Relative paths are of dir. It
// returns the files that the image has, links resolved, sorted, and how many others
// there are.
func ReadTrace(r io.Reader, tree *rootfs.Tree, dir string) (files []string, others int, err error) {
	found := map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(r, maxTrace))
	lines.Buffer(nil, maxTraceLine)
	for lines.Scan() && len(found) < maxTraced {
		file, ok := traced(strings.TrimSpace(lines.Text()), dir)
		if !ok {
			continue
		}
		to, err := tree.Resolve(strings.Trim(path.Clean(file), "/"))
		if err != nil {
			others++
			continue
		}
		if e, ok := tree.Lookup(to); ok && e.Mode.IsRegular() {
			found[to] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, 0, fmt.Errorf("reading the trace: %w", err)
	}
	for file := range found {
		files = append(files, file)
	}
	slices.Sort(files)
	return files, others, nil
}

// traced is the path that a line of a trace is about.
func traced(line, dir string) (file string, ok bool) {
	if strings.HasPrefix(line, "/") {
		return line, true
	}
	call := tracedCall().FindStringIndex(line)
	result := tracedResult().FindStringSubmatch(line)
	if call == nil || result == nil {
		return "", false
	}
	if result[1] != "" {
		return result[1], strings.HasPrefix(result[1], "/")
	}
	m := tracedPath().FindStringSubmatch(line[call[1]-1:])
	if m == nil {
		return "", false
	}
	if file = unescape(m[3]); !strings.HasPrefix(file, "/") {
		from := dir
		for _, of := range m[1:3] {
			if of != "" {
				from = of
			}
		}
		file = path.Join("/", from, file)
	}
	return file, true
}

// unescape undoes what strace does to letters that are not plain.
func unescape(s string) string {
	if !strings.Contains(s, "\\") {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		if n, used := octal(s[i:]); used > 0 {
			out.WriteByte(n)
			i += used - 1
			continue
		}
		if at := strings.IndexByte("nrtvf", s[i]); at >= 0 {
			out.WriteByte("\n\r\t\v\f"[at])
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func octal(s string) (n byte, used int) {
	for used < 3 && used < len(s) && s[used] >= '0' && s[used] <= '7' {
		n = n*8 + s[used] - '0'
		used++
	}
	return n, used
}
