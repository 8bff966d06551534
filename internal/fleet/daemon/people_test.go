package daemon

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/careen/careen/internal/fleet/fleettest"
)

// provider is a small OpenID provider: it knows one client, and who signs in next.
type provider struct {
	t      *testing.T
	url    string
	key    *rsa.PrivateKey
	claims map[string]any // of who signs in next, over what the provider says of all
	deny   string         // the error that it sends back instead
	codes  map[string]url.Values
}

func newProvider(t *testing.T) *provider {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{t: t, key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	answer := func(out http.ResponseWriter, v any) {
		out.Header().Set("Content-Type", "application/json")
		json.NewEncoder(out).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(out http.ResponseWriter, _ *http.Request) {
		answer(out, map[string]any{"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token", "jwks_uri": p.url + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}, "scopes_supported": []string{"openid", "groups"}})
	})
	mux.HandleFunc("GET /keys", func(out http.ResponseWriter, _ *http.Request) {
		answer(out, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", func(out http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		back := url.Values{"state": {q.Get("state")}}
		if p.deny != "" {
			back.Set("error", p.deny)
		} else {
			code := rand.Text()
			p.codes[code] = q
			back.Set("code", code)
		}
		http.Redirect(out, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(out http.ResponseWriter, r *http.Request) {
		began, ok := p.codes[r.PostFormValue("code")]
		delete(p.codes, r.PostFormValue("code"))
		id, secret, _ := r.BasicAuth()
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !ok || id != "careend" || secret != "client-secret" || base64.RawURLEncoding.EncodeToString(sum[:]) != began.Get("code_challenge") || began.Get("code_challenge_method") != "S256" {
			out.WriteHeader(http.StatusBadRequest)
			answer(out, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{"iss": p.url, "aud": "careend", "sub": "u1", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "nonce": began.Get("nonce")}
		for name, value := range p.claims {
			claims[name] = value
		}
		answer(out, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.sign(claims)})
	})
	return p
}

func (p *provider) sign(claims any) string {
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := part(map[string]string{"alg": "RS256", "kid": "1"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// browser is a browser that follows the redirects of one host, and keeps cookies. A
// redirect to the server's public name is one to where it listens.
type browser struct {
	t      *testing.T
	client *http.Client
}

const publicURL = "http://localhost:1"

func newBrowser(t *testing.T, server string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), publicURL+"/") {
			at, err := url.Parse(server)
			if err != nil {
				return err
			}
			r.URL.Host = at.Host
			for _, c := range jar.Cookies(r.URL) { // the client asked for those of the other name
				r.AddCookie(c)
			}
		}
		return nil
	}}}
}

func (b *browser) get(at string) (int, string) {
	b.t.Helper()
	resp, err := b.client.Get(at)
	return b.read(resp, err)
}

func (b *browser) read(resp *http.Response, err error) (int, string) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	var text strings.Builder
	if err := resp.Write(&text); err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, text.String()
}

// TestPeopleSignIn has people sign in at a provider, whose groups say what they may.
func TestPeopleSignIn(t *testing.T) {
	sso := newProvider(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("client-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			args := []string{"--data-dir", t.TempDir(), "--db", advisories(t), "--url", publicURL, "--oidc-issuer", sso.url, "--oidc-secret-file", secret,
				"--oidc-group", "security=admin", "--oidc-group", "staff=read", "--oidc-group", "cn=pay,dc=x=submit:registry.example.com/pay/*"}
			if kind == "postgres" {
				args = append(args, "--database", fleettest.Postgres(t))
			}
			p := run(t, args...)
			if status, _ := p.get("/v1/overview"); status != http.StatusUnauthorized {
				t.Errorf("nobody, on the loopback interface: %d", status)
			}
			for _, c := range []struct {
				what, deny   string
				claims       map[string]any
				status       int
				shows        string
				rules, scans int // what two more requests get: admins', submitters'
			}{
				{"an admin", "", map[string]any{"email": "eve@example.com", "email_verified": true, "groups": []string{"other", "security", "staff"}}, 200, "eve@example.com", 200, 400},
				{"a reader", "", map[string]any{"email": "bob@example.com", "email_verified": "true", "groups": []string{"staff"}}, 200, "bob@example.com", 403, 403},
				{"one group, as text", "", map[string]any{"groups": "staff"}, 200, "u1", 403, 403},
				{"an address that was not looked at", "", map[string]any{"email": "eve@example.com", "groups": []string{"staff"}}, 200, "u1 (", 403, 403},
				{"the highest role with its scope", "", map[string]any{"groups": []string{"staff", "cn=pay,dc=x"}}, 200, "u1", 403, 400},
				{"no group", "", nil, 403, "none of your groups", 401, 401},
				{"another group", "", map[string]any{"groups": []string{"Security", "securit"}}, 403, "none of your groups", 401, 401},
				{"denied", "access_denied", nil, 403, "access_denied", 401, 401},
				{"for another client", "", map[string]any{"groups": []string{"security"}, "aud": "other"}, 502, "answered wrongly", 401, 401},
				{"of another provider", "", map[string]any{"groups": []string{"security"}, "iss": "https://sso.example.com"}, 502, "answered wrongly", 401, 401},
				{"of yesterday", "", map[string]any{"groups": []string{"security"}, "exp": time.Now().Add(-time.Hour).Unix()}, 502, "answered wrongly", 401, 401},
				{"of another sign-in", "", map[string]any{"groups": []string{"security"}, "nonce": "other"}, 403, "another sign-in", 401, 401},
			} {
				sso.claims, sso.deny = c.claims, c.deny
				b := newBrowser(t, p.url)
				if status, text := b.get(p.url + "/login"); status != 200 || !strings.Contains(text, `href="/login/oidc"`) {
					t.Errorf("the page to sign in on: %d\n%s", status, text)
				}
				status, text := b.get(p.url + "/login/oidc")
				if status != c.status {
					t.Errorf("%s: %d, want %d\n%s", c.what, status, c.status, text)
				}
				if status == 200 {
					if !strings.Contains(text, "Refresh: 0; url=/\r\n") {
						t.Errorf("%s: the page does not lead on\n%s", c.what, text)
					}
					status, text = b.get(p.url + "/")
				}
				if !strings.Contains(text, c.shows) || strings.Contains(text, "eve@") && c.shows != "eve@example.com" {
					t.Errorf("%s: %d, want %q shown\n%s", c.what, status, c.shows, text)
				}
				if status, text := b.get(p.url + "/v1/policies"); status != c.rules {
					t.Errorf("%s reads the policies: %d, want %d\n%s", c.what, status, c.rules, text)
				}
				if status, text := b.read(b.client.Post(p.url+"/v1/scans", "application/json", strings.NewReader("{}"))); status != c.scans {
					t.Errorf("%s has images scanned: %d, want %d\n%s", c.what, status, c.scans, text)
				}
				if c.status != 200 {
					continue
				}
				// A session ends at the server, too.
				at, _ := url.Parse(p.url)
				old := b.client.Jar.Cookies(at)
				b.read(b.client.Post(p.url+"/logout", "", nil))
				b.client.Jar.SetCookies(at, old)
				if status, _ := b.get(p.url + "/v1/overview"); status != http.StatusUnauthorized {
					t.Errorf("%s: the session after the end of it: %d", c.what, status)
				}
			}
			// A sign-in that this browser did not begin: a link that someone else made.
			sso.claims, sso.deny = map[string]any{"groups": []string{"security"}}, ""
			if status, text := newBrowser(t, p.url).get(p.url + "/login/oidc/callback?state=x&code=y"); status != 403 || !strings.Contains(text, "did not begin here") {
				t.Errorf("another's sign-in: %d\n%s", status, text)
			}
			// Who signed in is in the audit log, which a token reads next to people.
			b := newBrowser(t, p.url)
			b.get(p.url + "/login/oidc")
			if status, text := b.get(p.url + "/v1/audit"); status != 200 || !strings.Contains(text, "eve@example.com (") || !strings.Contains(text, "signed in") {
				t.Errorf("the audit log: %d\n%s", status, text)
			}
		})
	}
}

// TestAProviderIsNeededLate has a provider that is not there when the server starts.
func TestAProviderIsNeededLate(t *testing.T) {
	p := run(t, "--data-dir", t.TempDir(), "--db", advisories(t), "--url", "https://careend.example.com", "--oidc-issuer", "http://127.0.0.1:1", "--oidc-group", "a=read")
	if status, text := p.get("/login/oidc"); status != http.StatusBadGateway || !strings.Contains(text, "could not be asked") {
		t.Errorf("%d\n%s", status, text)
	}
	if strings.Contains(p.out.String(), "panic") {
		t.Error(p.out)
	}
}
