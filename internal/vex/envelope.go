package vex

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// Envelope is a signed statement (secure-systems-lab/dsse, envelope.md).
type Envelope struct {
	PayloadType string `json:"payloadType"`
	Payload     []byte `json:"-"`
	Signatures  [][]byte
}

func parseEnvelope(name string, data []byte, depth int) (*Document, error) {
	e, err := ParseEnvelope(data)
	if err != nil {
		return nil, err
	}
	d, err := parse(name, e.Payload, depth+1)
	if err != nil {
		return nil, err
	}
	d.Signed = e
	return d, nil
}

// maxSignatures bounds those that are tried.
const maxSignatures = 32

// ParseEnvelope reads a signed envelope, or the one in a bundle of Sigstore's.
func ParseEnvelope(data []byte) (*Envelope, error) {
	var doc struct {
		Envelope    json.RawMessage `json:"dsseEnvelope"`
		PayloadType string          `json:"payloadType"`
		Payload     string          `json:"payload"`
		Signatures  []struct {
			Sig string `json:"sig"`
		} `json:"signatures"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	if doc.Envelope != nil && doc.PayloadType == "" {
		return ParseEnvelope(bytes.Clone(doc.Envelope))
	}
	if doc.PayloadType == "" {
		return nil, errors.New("envelope: it has no payload")
	}
	payload, err := decodeBase64(doc.Payload)
	if err != nil {
		return nil, fmt.Errorf("envelope: payload: %w", err)
	}
	e := &Envelope{PayloadType: doc.PayloadType, Payload: payload}
	for _, s := range doc.Signatures {
		if sig, err := decodeBase64(s.Sig); err == nil && len(e.Signatures) < maxSignatures {
			e.Signatures = append(e.Signatures, sig)
		}
	}
	return e, nil
}

func decodeBase64(s string) ([]byte, error) {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "").Replace(s), "=")
	return base64.RawStdEncoding.DecodeString(s)
}

// Key checks signatures.
type Key struct{ public crypto.PublicKey }

// ParseKey reads a public key in PEM, as cosign writes it: of ECDSA, Ed25519 or RSA.
func ParseKey(data []byte) (*Key, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no public key in PEM (cosign public-key prints one)")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("no public key: %w", err)
	}
	switch public.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey:
		return &Key{public}, nil
	}
	return nil, fmt.Errorf("a key of kind %T is not known", public)
}

// Signed reports whether one of the signatures is the key's.
func (k *Key) Signed(e *Envelope) bool {
	if e == nil {
		return false
	}
	message := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(e.PayloadType), e.PayloadType, len(e.Payload), e.Payload)
	sum := sha256.Sum256(message)
	for _, sig := range e.Signatures {
		switch public := k.public.(type) {
		case *ecdsa.PublicKey:
			if ecdsa.VerifyASN1(public, sum[:], sig) {
				return true
			}
		case ed25519.PublicKey:
			if ed25519.Verify(public, message, sig) {
				return true
			}
		case *rsa.PublicKey:
			if rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], sig) == nil || rsa.VerifyPSS(public, crypto.SHA256, sum[:], sig, nil) == nil {
				return true
			}
		}
	}
	return false
}

// Unwrap returns the envelope that a document of any kind came in, nil for none, and
// the sha256 digests in hexadecimal that its statement is about, none for a bare one.
func Unwrap(data []byte) (*Envelope, []string) {
	e, err := ParseEnvelope(data)
	if err == nil {
		data = e.Payload
	} else {
		e = nil
	}
	if a, err := ParseAttestation(data); err == nil {
		return e, a.Subjects
	}
	return e, nil
}

// Attestation is a statement about digests (in-toto/attestation, spec/v1): a
// document of another kind, and what it is about.
type Attestation struct {
	PredicateType string
	Predicate     json.RawMessage
	Subjects      []string // sha256 digests, in hexadecimal
}

// ParseAttestation reads a statement.
func ParseAttestation(data []byte) (*Attestation, error) {
	var doc struct {
		Subject []struct {
			Digest map[string]string `json:"digest"`
		} `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("attestation: %w", err)
	}
	if doc.PredicateType == "" {
		return nil, errors.New("attestation: it says nothing")
	}
	a := &Attestation{PredicateType: doc.PredicateType, Predicate: doc.Predicate}
	for _, s := range doc.Subject {
		if sum := s.Digest["sha256"]; isSHA256(sum) {
			a.Subjects = append(a.Subjects, strings.ToLower(sum))
		}
	}
	return a, nil
}

func parseAttestation(name string, data []byte, depth int) (*Document, error) {
	a, err := ParseAttestation(data)
	if err != nil {
		return nil, err
	}
	d, err := parse(name, a.Predicate, depth+1)
	if err != nil {
		return nil, err
	}
	d.Subjects = a.Subjects
	return d, nil
}
