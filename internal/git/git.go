// Package git asks servers of git repositories which commit a tag or a branch
// names, over git's smart HTTP protocol and no other interface, so that every
// server answers. It fetches no object.
//
// Protocol: git-scm.com, gitprotocol-http and gitprotocol-v2 (ls-refs); servers
// that know only the first version list all their refs at once.
package git

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/careen/careen/internal/web"
)

// Bounds of what a server sends.
const (
	maxResponse = 64 << 20
	maxRefs     = 1_000_000
)

// Servers that a repository may be on without a URL: that of the workflow itself.
const (
	GitHub = "github"
	GitLab = "gitlab"
)

// Options of a resolver. The zero value asks over HTTPS as the user whom the
// environment says.
type Options struct {
	Client  *http.Client             // nil means http.DefaultClient
	Getenv  func(name string) string // nil means os.Getenv
	Offline bool                     // ask nobody
	Web     web.Options              // whether plain HTTP is good enough
}

// Resolver asks servers what refs name, each ref once. It is not for use by
// several goroutines.
type Resolver struct {
	ctx   context.Context
	opt   Options
	known map[string]answer
}

type answer struct {
	commit string
	err    error
}

// NewResolver returns a resolver whose requests end with ctx.
func NewResolver(ctx context.Context, opt Options) *Resolver {
	if opt.Client == nil {
		opt.Client = http.DefaultClient
	}
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	return &Resolver{ctx, opt, map[string]answer{}}
}

// Commit returns the commit that a ref of a repository names: a tag, else a
// branch; "" is the default branch. It is "" when the repository has no such ref.
// Server is GitHub, GitLab or a URL.
func (r *Resolver) Commit(server, repository, ref string) (string, error) {
	if r.opt.Offline {
		return "", errors.New("offline: its server is not asked")
	}
	key := server + "\x00" + repository + "\x00" + ref
	if known, ok := r.known[key]; ok {
		return known.commit, known.err
	}
	commit, err := r.ask(server, repository, ref)
	r.known[key] = answer{commit, err}
	return commit, err
}

func (r *Resolver) ask(server, repository, ref string) (string, error) {
	base, err := r.base(server)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(repository, "?#%\\") || strings.Contains(repository, "..") {
		return "", fmt.Errorf("%q is no name of a repository", repository)
	}
	var refs map[string]string
	for _, suffix := range []string{".git", ""} {
		at := base.JoinPath(repository + suffix)
		refs, err = r.refs(at, ref)
		var status *statusError
		if !errors.As(err, &status) || status.code != http.StatusNotFound {
			break
		}
	}
	if err != nil {
		return "", err
	}
	for _, name := range wanted(ref) {
		if commit := cmp.Or(refs[name+peeledSuffix], refs[name]); commit != "" {
			return commit, nil
		}
	}
	return "", nil
}

// wanted are the full names that a ref may have, the first wins (gitrevisions(7)).
func wanted(ref string) []string {
	if ref == "" {
		return []string{"HEAD"}
	}
	return []string{"refs/tags/" + ref, "refs/heads/" + ref, "refs/" + strings.TrimPrefix(ref, "refs/")}
}

// base is the URL of a server, as the environment of its workflows names it.
func (r *Resolver) base(server string) (*url.URL, error) {
	text := server
	switch server {
	case GitHub:
		text = cmp.Or(r.opt.Getenv("GITHUB_SERVER_URL"), "https://github.com")
	case GitLab:
		text = cmp.Or(r.opt.Getenv("CI_SERVER_URL"), "https://gitlab.com")
	}
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL of a server", text)
	case base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.User != nil:
		return nil, fmt.Errorf("%q is no URL of a server", base.Redacted())
	}
	return base, r.opt.Web.Secure(base)
}

// credential returns the name and password for a server, where the environment
// has them for this very host.
func (r *Resolver) credential(at *url.URL) (user, password string) {
	for _, known := range []struct {
		server, user string
		variables    []string
	}{
		{GitHub, "x-access-token", []string{"GITHUB_TOKEN", "GH_TOKEN"}},
		{GitLab, "gitlab-ci-token", []string{"CI_JOB_TOKEN"}},
		{GitLab, "oauth2", []string{"GITLAB_TOKEN"}},
	} {
		base, err := r.base(known.server)
		if err != nil || base.Host != at.Host || base.Scheme != at.Scheme {
			continue
		}
		for _, name := range known.variables {
			if token := r.opt.Getenv(name); token != "" {
				return known.user, token
			}
		}
	}
	return "", ""
}

// statusError is what a server answered other than 200.
type statusError struct {
	host string
	code int
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%s: %d %s", e.host, e.code, strings.ToLower(http.StatusText(e.code)))
	switch e.code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		text += "; a private repository needs GITHUB_TOKEN, CI_JOB_TOKEN or GITLAB_TOKEN"
	}
	return text
}

// refs asks a repository for the refs that may be the wanted one.
func (r *Resolver) refs(at *url.URL, ref string) (map[string]string, error) {
	list := at.JoinPath("info", "refs")
	list.RawQuery = "service=git-upload-pack"
	body, moved, err := r.send(http.MethodGet, list, nil)
	if err != nil {
		return nil, err
	}
	// A repository that was renamed is asked where it is now, as git does.
	if path, ok := strings.CutSuffix(moved.Path, "/info/refs"); ok {
		at = &url.URL{Scheme: moved.Scheme, Host: moved.Host, Path: path}
	}
	refs, format, err := parseAdvertisement(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Host, err)
	}
	if format == "" { // the first version: that was all of them
		return refs, nil
	}
	request := packet("command=ls-refs\n")
	if format != "sha1" {
		request += packet("object-format=" + format + "\n")
	}
	request += delimiter + packet("peel\n")
	for _, name := range wanted(ref) {
		request += packet("ref-prefix " + name + "\n")
	}
	body, _, err = r.send(http.MethodPost, at.JoinPath("git-upload-pack"), []byte(request+flush))
	if err != nil {
		return nil, err
	}
	refs, err = parseRefs(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at.Host, err)
	}
	return refs, nil
}

// send asks a server, and returns what it answered and where that came from.
func (r *Resolver) send(method string, at *url.URL, body []byte) ([]byte, *url.URL, error) {
	req, err := http.NewRequestWithContext(r.ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Git-Protocol", "version=2")
	req.Header.Set("User-Agent", "git/2 ("+r.opt.Web.Agent()+")")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
		req.Header.Set("Accept", "application/x-git-upload-pack-result")
	}
	if user, password := r.credential(at); password != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := r.opt.Client.Do(req)
	if err != nil {
		var fault *url.Error
		if errors.As(err, &fault) { // it repeats the URL
			err = fault.Err
		}
		return nil, nil, fmt.Errorf("%s: %w", at.Host, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, &statusError{at.Host, resp.StatusCode}
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	if err == nil && len(answer) > maxResponse {
		err = fmt.Errorf("more than %d bytes of refs", maxResponse)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", at.Host, err)
	}
	return answer, resp.Request.URL, nil
}

// The packets without a payload (gitprotocol-common).
const (
	flush     = "0000"
	delimiter = "0001"
)

func packet(payload string) string { return fmt.Sprintf("%04x%s", len(payload)+4, payload) }

// errFlush is what readPacket returns at the end of a section.
var errFlush = errors.New("flush")

// readPacket returns the payload of the next packet without its line end.
func readPacket(r *bufio.Reader) (string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	n := 0
	for _, c := range head {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 {
			return "", errors.New("it does not speak git's protocol")
		}
		n = n<<4 | digit
	}
	if n < 4 {
		return "", errFlush
	}
	payload := make([]byte, n-4)
	if _, err := io.ReadFull(r, payload); err != nil {
		return "", io.ErrUnexpectedEOF
	}
	text := strings.TrimSuffix(string(payload), "\n")
	if message, failed := strings.CutPrefix(text, "ERR "); failed {
		return "", errors.New(message)
	}
	return text, nil
}

// peeledSuffix marks what a tag that is an object of its own leads to.
const peeledSuffix = "^{}"

// parseAdvertisement reads the answer to info/refs: of the second version the
// format of its objects ("sha1"), of the first one all refs.
func parseAdvertisement(body io.Reader) (refs map[string]string, format string, err error) {
	r := bufio.NewReader(body)
	refs = map[string]string{}
	for first := true; len(refs) < maxRefs; {
		line, err := readPacket(r)
		switch {
		case errors.Is(err, io.EOF):
			return refs, format, nil
		case errors.Is(err, errFlush):
			continue
		case err != nil:
			return nil, "", err
		case strings.HasPrefix(line, "# service="):
			continue
		case line == "version 2":
			format = "sha1"
		case format != "":
			if f, ok := strings.CutPrefix(line, "object-format="); ok {
				format = f
			}
		case first && line == "version 1":
		default:
			first = false
			line, _, _ = strings.Cut(line, "\x00")
			addRef(refs, line)
		}
	}
	return refs, format, nil
}

// parseRefs reads the answer to ls-refs.
func parseRefs(body io.Reader) (map[string]string, error) {
	r := bufio.NewReader(body)
	refs := map[string]string{}
	for len(refs) < maxRefs {
		line, err := readPacket(r)
		if errors.Is(err, errFlush) || errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		addRef(refs, line)
	}
	return refs, nil
}

// addRef reads "ID NAME", and the attributes that follow in the second version.
func addRef(refs map[string]string, line string) {
	fields := strings.Split(line, " ")
	if len(fields) < 2 || !isCommit(fields[0]) {
		return
	}
	refs[fields[1]] = fields[0]
	for _, attribute := range fields[2:] {
		if peeled, ok := strings.CutPrefix(attribute, "peeled:"); ok && isCommit(peeled) {
			refs[fields[1]+peeledSuffix] = peeled
		}
	}
}

func isCommit(id string) bool {
	return (len(id) == 40 || len(id) == 64) && strings.Trim(id, "0123456789abcdef") == ""
}
