package rootfs

import (
	"strings"
)

// cleanPath returns name as Header.Path has it. A ".." at the root stays at
// the root, as it does for the kernel and for containerd; escapes reports that
// there was one.
func cleanPath(name string) (clean string, escapes bool) {
	for strings.HasPrefix(name, "./") || strings.HasPrefix(name, "/") {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "."), "/")
	}
	name = strings.TrimRight(name, "/")
	if isClean(name) {
		return name, false
	}
	var elements []string
	for element := range strings.SplitSeq(name, "/") {
		switch element {
		case "", ".":
		case "..":
			if len(elements) == 0 {
				escapes = true
			} else {
				elements = elements[:len(elements)-1]
			}
		default:
			elements = append(elements, element)
		}
	}
	return strings.Join(elements, "/"), escapes
}

// isClean reports whether a path has no empty, "." or ".." element. Unlike
// fs.ValidPath it takes names that are not UTF-8, which Linux allows.
func isClean(name string) bool {
	if name == "" {
		return true
	}
	start := 0
	for i := 0; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		switch i - start {
		case 0:
			return false
		case 1:
			if name[start] == '.' {
				return false
			}
		case 2:
			if name[start] == '.' && name[start+1] == '.' {
				return false
			}
		}
		start = i + 1
	}
	return true
}

func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

func baseOf(path string) string {
	return path[strings.LastIndexByte(path, '/')+1:]
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// under reports whether path lies below dir, at any depth.
func under(path, dir string) bool {
	if dir == "" {
		return path != ""
	}
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// depth returns the number of elements of a clean path.
func depth(path string) int {
	if path == "" {
		return 0
	}
	return strings.Count(path, "/") + 1
}

// comparePaths orders paths as a walk visits them: a directory, then all that
// is below it, then its next sibling. So '/' sorts before every other byte.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	i := 0
	for i+8 <= n && word(a, i) == word(b, i) {
		i += 8
	}
	for ; i < n; i++ {
		if x, y := a[i], b[i]; x != y {
			switch {
			case x == '/':
				return -1
			case y == '/':
				return 1
			case x < y:
				return -1
			}
			return 1
		}
	}
	return len(a) - len(b)
}

// word returns eight bytes of s; the compiler makes one load of it.
func word(s string, i int) uint64 {
	s = s[i : i+8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
