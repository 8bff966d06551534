package auth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/careen/careen/internal/fleet/store"
)

// People signs people in by an OpenID provider (OpenID Connect Core 1.0, the code
// flow with PKCE). The groups that it says someone is in give the role.
type People struct {
	opt    PeopleOptions
	client *http.Client

	mu       sync.Mutex
	provider *oidc.Provider // nil until it was reached
}

// PeopleOptions say which provider, and what its groups may do.
type PeopleOptions struct {
	Issuer, Client, Secret string
	URL                    string // of this server, as browsers know it
	Groups                 []Group
}

// Group is what members of a group of the provider may do.
type Group struct {
	Name   string
	Role   Role
	Scopes []string // patterns of repositories; none: all
}

// ParseGroup reads "security=admin" or "team=read:registry.example.com/team/*".
// The last "=" divides, since names of groups may have one.
func ParseGroup(text string) (Group, error) {
	at := strings.LastIndex(text, "=")
	if at <= 0 {
		return Group{}, fmt.Errorf("group %q: NAME=ROLE, or NAME=ROLE:PATTERN,PATTERN", text)
	}
	word, scopes, scoped := strings.Cut(text[at+1:], ":")
	role, err := ParseRole(word)
	if err != nil {
		return Group{}, fmt.Errorf("group %q: %w", text, err)
	}
	g := Group{Name: text[:at], Role: role}
	if scoped {
		g.Scopes = strings.Split(scopes, ",")
		if slices.Contains(g.Scopes, "") {
			return Group{}, fmt.Errorf("group %q: an empty pattern", text)
		}
	}
	return g, nil
}

// NewPeople checks the options. The provider is asked when someone signs in.
func NewPeople(opt PeopleOptions) (*People, error) {
	for name, text := range map[string]string{"issuer": opt.Issuer, "url": opt.URL} {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && Loopback(u.Host)) {
			return nil, fmt.Errorf("OpenID: %s %q: an https:// URL", name, text)
		}
	}
	switch {
	case opt.Client == "":
		return nil, errors.New("OpenID: which client is this server to the provider?")
	case len(opt.Groups) == 0:
		return nil, errors.New("OpenID: no group has a role, so nobody may do anything")
	}
	opt.URL = strings.TrimSuffix(opt.URL, "/")
	return &People{opt: opt, client: &http.Client{Timeout: 10 * time.Second, Transport: bounded{http.DefaultTransport}}}, nil
}

const maxProviderAnswer = 1 << 20

// bounded bounds what a provider may answer.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxProviderAnswer)
	}
	return resp, err
}

// Issuer is the provider's name for people.
func (p *People) Issuer() string {
	u, _ := url.Parse(p.opt.Issuer) // NewPeople read it
	return u.Host
}

// reach returns the provider and the flow with it.
func (p *People) reach() (*oidc.Provider, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.provider == nil {
		// Its keys are fetched by this context for as long as the server runs.
		provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), p.client), p.opt.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("OpenID provider: %w", err)
		}
		p.provider = provider
	}
	return p.provider, &oauth2.Config{ClientID: p.opt.Client, ClientSecret: p.opt.Secret, Endpoint: p.provider.Endpoint(),
		RedirectURL: p.opt.URL + CallbackPath, Scopes: scopes(p.provider)}, nil
}

// scopes are what is asked of a provider: its groups too if it has a scope for them,
// since others refuse what they do not know.
func scopes(provider *oidc.Provider) []string {
	var said struct {
		Scopes []string `json:"scopes_supported"`
	}
	list := []string{oidc.ScopeOpenID, "profile", "email"}
	if provider.Claims(&said) == nil && slices.Contains(said.Scopes, "groups") {
		list = append(list, "groups")
	}
	return list
}

// Where people come to sign in, and back from the provider.
const (
	SignInPath   = "/login/oidc"
	CallbackPath = SignInPath + "/callback"
)

const (
	flowCookie = "careend-sign-in"
	flowTime   = 10 * time.Minute
	stayTime   = 8 * time.Hour // then the provider is asked again which groups someone is in
)

// flow makes the cookie of a sign-in. It comes back from another site's page, so it
// cannot be a strict one.
func (p *People) flow(value string, age time.Duration) *http.Cookie {
	return &http.Cookie{Name: flowCookie, Value: value, Path: SignInPath, MaxAge: int(age.Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(p.opt.URL, "https:"), SameSite: http.SameSiteLaxMode}
}

// Begin sends a browser to the provider.
func (p *People) Begin(out http.ResponseWriter, r *http.Request) error {
	_, config, err := p.reach()
	if err != nil {
		return err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	http.SetCookie(out, p.flow(state+"."+nonce+"."+verifier, flowTime))
	http.Redirect(out, r, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
	return nil
}

// Refused says to someone why they are not signed in.
type Refused string

func (r Refused) Error() string { return string(r) }

// Finish reads with what a browser came back from the provider, and returns the
// session that it gets, which is a token for a while.
func (p *People) Finish(out http.ResponseWriter, r *http.Request, s *store.Store) (session *http.Cookie, err error) {
	http.SetCookie(out, p.flow("", -time.Second))
	query := r.URL.Query()
	cookie, err := r.Cookie(flowCookie)
	var parts []string
	if err == nil {
		parts = strings.Split(cookie.Value, ".")
	}
	if len(parts) != 3 || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(query.Get("state"))) != 1 {
		return nil, Refused("This sign-in did not begin here, or too long ago.")
	}
	if said := query.Get("error"); said != "" {
		return nil, Refused("The provider says: " + cmp.Or(query.Get("error_description"), said))
	}
	provider, config, err := p.reach()
	if err != nil {
		return nil, err
	}
	ctx := oidc.ClientContext(r.Context(), p.client)
	answer, err := config.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(parts[2]))
	if err != nil {
		return nil, fmt.Errorf("OpenID provider: %w", err)
	}
	raw, _ := answer.Extra("id_token").(string)
	token, err := provider.Verifier(&oidc.Config{ClientID: p.opt.Client}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("OpenID provider: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(parts[1])) != 1 {
		return nil, Refused("The provider answered another sign-in than this.")
	}
	var claims struct {
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // some providers write it as text
		Groups   names  `json:"groups"`
	}
	if err := token.Claims(&claims); err != nil {
		return nil, fmt.Errorf("OpenID provider: %w", err)
	}
	name := token.Subject
	if claims.Email != "" && (claims.Verified == true || claims.Verified == "true") {
		name = claims.Email
	}
	now := time.Now()
	person := store.Session{Name: name + " (" + p.Issuer() + ")", Expires: now.Add(stayTime).Unix()}
	for _, g := range p.opt.Groups {
		if slices.Contains(claims.Groups, g.Name) && !slices.Contains(person.Groups, g.Name) {
			person.Groups = append(person.Groups, g.Name)
		}
	}
	if p.who(person).Role == Nobody {
		return nil, Refused("You are " + name + ", and none of your groups has a role here.")
	}
	value := sessionPrefix + rand.Text() + rand.Text()
	err = s.Tx(ctx, func(tx *store.Tx) error {
		return errors.Join(tx.AddSession(ctx, person, Hash(value), now), tx.Note(ctx, person.Name, "signed in", now))
	})
	return &http.Cookie{Name: Cookie, Value: value, Path: "/", MaxAge: int(stayTime.Seconds()), HttpOnly: true,
		Secure: strings.HasPrefix(p.opt.URL, "https:"), SameSite: http.SameSiteStrictMode}, err
}

const sessionPrefix = "careend-session-"

// names are a list, or one, which some providers write as text.
type names []string

func (n *names) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*n = names{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(n))
}

// who is what someone's groups make of them: of several groups, those of the highest
// role count, so that a role is never wider than one group gives it.
func (p *People) who(person store.Session) Who {
	who := Who{Name: person.Name}
	for _, g := range p.opt.Groups {
		if !slices.Contains(person.Groups, g.Name) || g.Role < who.Role {
			continue
		}
		if g.Role > who.Role {
			who.Role, who.Scope = g.Role, store.Scope{}
		}
		who.Scope.All = who.Scope.All || len(g.Scopes) == 0
		who.Scope.Patterns = append(who.Scope.Patterns, g.Scopes...)
	}
	return who
}

// ReadSecret reads the secret of a client, a line.
func ReadSecret(in io.Reader) (string, error) {
	const most = 4096
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("a secret of more than %d bytes", most)
	}
	return strings.TrimSpace(string(b)), err
}
