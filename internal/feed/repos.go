package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// repo is a repository with an updateinfo.xml.
type repo struct {
	ecosystem string
	root      string // of the repository, or a list of its mirrors
}

// The repositories that hold a distribution's errata, in one architecture:
// errata are made for all of them at once.
var (
	amazonRepos = []repo{
		{"Amazon Linux:1", "http://repo.us-west-2.amazonaws.com/2018.03/updates/x86_64/mirror.list"},
		{"Amazon Linux:2", "https://cdn.amazonlinux.com/2/core/latest/x86_64/mirror.list"},
		{"Amazon Linux:2023", "https://cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64/mirror.list"},
	}
	fedoraRepos = []repo{
		{"Fedora:42", "https://dl.fedoraproject.org/pub/fedora/linux/updates/42/Everything/x86_64"},
		{"Fedora:43", "https://dl.fedoraproject.org/pub/fedora/linux/updates/43/Everything/x86_64"},
		{"Fedora:44", "https://dl.fedoraproject.org/pub/fedora/linux/updates/44/Everything/x86_64"},
	}
)

// updateinfos returns a function that lists the updateinfo.xml of each
// repository of a feed that is wanted, as "INDEX|URL".
func updateinfos(feed string, repos []repo) func(context.Context, *store) ([]string, error) {
	return func(ctx context.Context, s *store) ([]string, error) {
		var files []string
		var have []string
		for _, r := range repos {
			have = append(have, r.release())
		}
		if err := s.only.known(feed, have); err != nil {
			return nil, err
		}
		for i, r := range repos {
			if !s.only.wants(feed, r.release()) {
				continue
			}
			file, err := r.updateinfo(ctx, s)
			if errors.Is(err, errMissing) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.root, err)
			}
			if file != "" {
				files = append(files, strconv.Itoa(i)+"|"+file)
			}
		}
		if len(files) == 0 {
			return nil, errMissing
		}
		return files, nil
	}
}

// release is the part of the ecosystem's name after the distribution's.
func (r repo) release() string {
	_, release, _ := strings.Cut(r.ecosystem, ":")
	return release
}

// ecosystemOf returns the ecosystem of a file that updateinfos lists.
func ecosystemOf(repos []repo) func(string) string {
	return func(name string) string {
		if i := repoIndex(name, repos); i >= 0 {
			return repos[i].ecosystem
		}
		return ""
	}
}

func repoIndex(name string, repos []repo) int {
	number, _, _ := strings.Cut(name, "|")
	i, err := strconv.Atoi(number)
	if err != nil || i >= len(repos) {
		return -1
	}
	return i
}

// updateinfo finds a repository's updateinfo.xml by its index. Amazon's moves
// with each release, and a list of mirrors says where it is.
func (r repo) updateinfo(ctx context.Context, s *store) (string, error) {
	root := r.root
	if strings.HasSuffix(root, "/mirror.list") {
		text, err := s.text(ctx, root)
		if err != nil {
			return "", err
		}
		first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		// Amazon Linux 1 leaves the architecture to yum.
		root = strings.TrimSuffix(strings.ReplaceAll(strings.TrimSpace(first), "$basearch", "x86_64"), "/")
		if !strings.HasPrefix(root, "https://") && !strings.HasPrefix(root, "http://") || checkText(root) != nil {
			return "", fmt.Errorf("mirror.list: %.60q: not a URL", first)
		}
	}
	index, err := s.text(ctx, root+"/repodata/repomd.xml")
	if err != nil {
		return "", err
	}
	href, err := updateinfoHref(index)
	if err != nil || href == "" {
		return "", err
	}
	return root + "/" + href, nil
}

func readUpdateinfo(source string, repos []repo) func(string, *planning) format {
	return func(name string, _ *planning) format {
		i := repoIndex(name, repos)
		if i < 0 {
			return format{}
		}
		return format{stream: updateinfoReader{source, repos[i].ecosystem}.parse}
	}
}

const redhatVEX = "https://security.access.redhat.com/data/csaf/v2/vex"

// redhatArchive finds the newest archive of Red Hat's VEX files.
func redhatArchive(ctx context.Context, s *store) ([]string, error) {
	text, err := s.text(ctx, redhatVEX+"/archive_latest.txt")
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(text)
	if !strings.HasSuffix(name, ".tar.zst") || strings.ContainsAny(name, "/\\?#") || checkText(name) != nil {
		return nil, fmt.Errorf("archive_latest.txt: %.60q: not an archive's name", name)
	}
	return []string{name}, nil
}

const photonRoot = "https://packages.vmware.com/photon/photon_cve_metadata"

// photonReleases lists the releases that Photon OS has a list for.
func photonReleases(ctx context.Context, s *store) ([]string, error) {
	text, err := s.text(ctx, photonRoot+"/photon_versions.json")
	if err != nil {
		return nil, err
	}
	var versions struct {
		Branches []string `json:"branches"`
	}
	if err := json.Unmarshal([]byte(text), &versions); err != nil {
		return nil, fmt.Errorf("photon_versions.json: %w", err)
	}
	for _, b := range versions.Branches {
		if strings.Trim(b, "0123456789.") != "" || b == "" {
			return nil, fmt.Errorf("photon_versions.json: %.40q: not a release", b)
		}
	}
	if len(versions.Branches) == 0 || len(versions.Branches) > 100 {
		return nil, fmt.Errorf("photon_versions.json: %d releases", len(versions.Branches))
	}
	if err := s.only.known("photon", versions.Branches); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(versions.Branches, func(b string) bool { return !s.only.wants("photon", b) }), nil
}

// nvdYears lists the years of NVD's feeds: from 2002, which has all before it,
// to this one. NVD has no list of them.
func nvdYears(context.Context, *store) ([]string, error) {
	var years []string
	for year := 2002; year <= time.Now().Year(); year++ {
		years = append(years, strconv.Itoa(year))
	}
	return years, nil
}

// isReviewed tells GitHub's reviewed advisories from those that it took over
// from NVD unread, which name no packages.
func isReviewed(name string) bool {
	parts := strings.Split(name, "/")
	return isJSON(name) && slices.Contains(parts, "github-reviewed")
}
