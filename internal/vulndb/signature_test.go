package vulndb

import (
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// signed makes a key and a signature as minisign's documentation describes
// them, without the library that verifies.
func signed(t *testing.T, seed byte, data []byte) (publicKey, signature string) {
	t.Helper()
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), 32)))
	id := []byte("keynum" + strings.Repeat(string(rune(seed)), 2))
	hash := blake2b.Sum512(data)
	sig := ed25519.Sign(private, hash[:])
	comment := "timestamp:1755000000\tfile:careen.db"
	global := ed25519.Sign(private, append(append([]byte{}, sig...), comment...))
	code := base64.StdEncoding.EncodeToString
	return "untrusted comment: minisign public key\n" + code(append(append([]byte("Ed"), id...), private.Public().(ed25519.PublicKey)...)) + "\n",
		"untrusted comment: signature\n" + code(append(append([]byte("ED"), id...), sig...)) + "\ntrusted comment: " + comment + "\n" + code(global) + "\n"
}

func TestVerifySignature(t *testing.T) {
	db := databaseOf(t, testDate, nil, fixedIn("CVE-2020-1", "npm", "a", "1"))
	key, sig := signed(t, 'k', db.raw)
	otherKey, _ := signed(t, 'o', db.raw)
	_, otherData := signed(t, 'k', append([]byte{}, db.raw[1:]...))
	bare := strings.Split(key, "\n")[1]
	for _, c := range []struct {
		name, key, sig, want string
	}{
		{"good", key, sig, ""},
		{"key without comment", bare, sig, ""},
		{"another key", otherKey, sig, "key identifiers"},
		{"of something else", key, otherData, "Invalid signature"},
		{"changed comment", key, strings.Replace(sig, "1755000000", "1855000000", 1), "Invalid global signature"},
		{"no signature", key, "", "signature: "},
		{"HTML", key, "<!DOCTYPE html>\n<html>\n<body>\n</body>", "signature: "},
		{"no key", "", sig, "public key: "},
	} {
		err := db.VerifySignature(c.key, c.sig)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// TestVerifySignatureOfMinisign takes what minisign itself makes.
func TestVerifySignatureOfMinisign(t *testing.T) {
	tool, err := exec.LookPath("minisign")
	if err != nil {
		t.Skip("no minisign here to sign with:", err)
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	db := databaseOf(t, testDate, nil, fixedIn("CVE-2020-1", "npm", "a", "1"))
	if err := os.WriteFile(in("careen.db"), db.raw, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-G", "-W", "-p", in("key.pub"), "-s", in("key")},
		{"-S", "-s", in("key"), "-m", in("careen.db"), "-x", in("careen.db.minisig")},
	} {
		if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("minisign %v: %v: %s", args, err, out)
		}
	}
	key, err := os.ReadFile(in("key.pub"))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := os.ReadFile(in("careen.db.minisig"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.VerifySignature(string(key), string(sig)); err != nil {
		t.Error(err)
	}
}
