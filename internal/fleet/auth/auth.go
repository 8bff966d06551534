// Package auth says who asks, and what they may do and see. Tokens are random, shown
// once, and kept as hashes. Without any token only the machine itself may ask, over
// the loopback interface.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/careen/careen/internal/fleet/store"
)

// Role is what someone may do. Each may do what those before it may.
type Role int

// The roles.
const (
	Nobody Role = iota
	Read        // ask
	Submit      // have images scanned
	Admin       // change what is watched, and who may what
)

var roles = []string{"", "read", "submit", "admin"}

func (r Role) String() string { return roles[r] }

// ParseRole reads a role's word.
func ParseRole(word string) (Role, error) {
	i := slices.Index(roles, word)
	if i <= 0 {
		return Nobody, fmt.Errorf("role %q: one of read, submit, admin", word)
	}
	return Role(i), nil
}

// Who is someone who asks.
type Who struct {
	Name  string
	Role  Role
	Scope store.Scope
}

// MaySee reports whether a repository is in the scope of who asks.
func (w Who) MaySee(repo string) bool {
	return w.Scope.All || slices.ContainsFunc(w.Scope.Patterns, func(p string) bool { return store.Fits(p, repo) })
}

// NewToken makes a token: 256 random bits behind a prefix by which it is recognised.
func NewToken() string {
	var b [32]byte
	rand.Read(b[:])
	return "careend_" + hex.EncodeToString(b[:])
}

// Hash is what is kept of a token. A random token needs no slow hash.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Loopback reports whether an address, "127.0.0.1:4242", is of this machine alone.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// ErrNoToken says that a server may not listen there.
var ErrNoToken = errors.New("without a token careend listens on the loopback interface only: careend token add --role admin NAME")

// MayListen reports whether a server may listen on an address; people are those who
// may sign in, or nil.
func MayListen(ctx context.Context, s *store.Store, address string, people *People) error {
	if Loopback(address) || people != nil {
		return nil
	}
	tokens, err := s.Tokens(ctx)
	if err == nil && len(tokens) == 0 {
		err = ErrNoToken
	}
	return err
}

// Guard finds out who asks.
type Guard struct {
	store  *store.Store
	people *People // nil without a provider
	open   bool    // the server listens on the loopback interface: without tokens, all may all

	mu    sync.Mutex
	rates map[string]*rate
}

// New returns the guard of a server that listens on an address; people are those who
// may sign in, or nil.
func New(s *store.Store, address string, people *People) *Guard {
	return &Guard{store: s, people: people, open: Loopback(address) && people == nil, rates: map[string]*rate{}}
}

// Cookie is where a browser keeps its token.
const Cookie = "careend"

var (
	errNobody = errors.New("no valid token: Authorization: Bearer …")
	errHost   = errors.New("the name by which this server was asked is not one of the loopback interface")
	errMany   = errors.New("too many requests; wait a second")
)

// Who finds out who makes a request. The error is for them; status is its HTTP code.
func (g *Guard) Who(r *http.Request) (who Who, status int, err error) {
	token := tokenOf(r)
	if token == "" {
		if !g.open {
			return Who{}, http.StatusUnauthorized, errNobody
		}
		tokens, err := g.store.Tokens(r.Context())
		if err != nil {
			return Who{}, http.StatusInternalServerError, err
		}
		if len(tokens) > 0 {
			return Who{}, http.StatusUnauthorized, errNobody
		}
		if !Loopback(r.Host) { // a page of another site whose name leads here
			return Who{}, http.StatusForbidden, errHost
		}
		return Who{Name: "local", Role: Admin, Scope: store.Everything}, 0, nil
	}
	who, err = g.bearer(r.Context(), token, time.Now())
	switch {
	case err != nil:
		return Who{}, http.StatusInternalServerError, err
	case who.Role == Nobody:
		return Who{}, http.StatusUnauthorized, errNobody
	case !g.within(who.Name, time.Now()):
		return Who{}, http.StatusTooManyRequests, errMany
	}
	return who, 0, nil
}

// bearer finds out whose a token is; nobody's if it is none, or is no longer one.
func (g *Guard) bearer(ctx context.Context, token string, now time.Time) (Who, error) {
	if strings.HasPrefix(token, sessionPrefix) {
		if g.people == nil {
			return Who{}, nil
		}
		person, ok, err := g.store.Session(ctx, Hash(token), now)
		if !ok || err != nil {
			return Who{}, err
		}
		return g.people.who(person), nil
	}
	found, ok, err := g.store.Token(ctx, Hash(token))
	if !ok || err != nil || found.Expires != 0 && now.Unix() >= found.Expires {
		return Who{}, err
	}
	role, err := ParseRole(found.Role)
	return Who{Name: found.Name, Role: role, Scope: store.Scope{All: len(found.Scopes) == 0, Patterns: found.Scopes}}, err
}

// SignOut ends the session of a browser, if it has one.
func (g *Guard) SignOut(r *http.Request) error {
	c, err := r.Cookie(Cookie)
	if err != nil {
		return nil // a token ends by careend token remove
	}
	return g.store.Tx(r.Context(), func(tx *store.Tx) error { return tx.RemoveSession(r.Context(), Hash(c.Value)) })
}

// People are those who may sign in by a provider, or nil.
func (g *Guard) People() *People { return g.people }

// tokenOf is the token of a request: of its header, of a browser's cookie, or as the
// password of those who can only send one, such as Harbor.
func tokenOf(r *http.Request) string {
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return strings.TrimSpace(token)
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if c, err := r.Cookie(Cookie); err == nil {
		return c.Value
	}
	return ""
}

// The rate of requests of one token: so many at once, and so many a second then.
const (
	burst     = 200
	perSecond = 50
)

// rate is how many requests are left.
type rate struct {
	left float64
	at   time.Time
}

func (g *Guard) within(name string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.rates[name]
	if r == nil {
		r = &rate{left: burst, at: now}
		g.rates[name] = r
	}
	r.left = min(burst, r.left+perSecond*now.Sub(r.at).Seconds())
	r.at = now
	if r.left < 1 {
		return false
	}
	r.left--
	return true
}
