package rpmdb

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Tags of a header that hold a signature, as an OpenPGP packet (rpmtag.h); the
// last holds several, in base64 (rpm 6).
const (
	tagSigPGP    = 259
	tagSigGPG    = 262
	tagDSAHeader = 267
	tagRSAHeader = 268
	tagOpenPGP   = 278
)

// key is one that was imported: rpm keeps it as a package gpg-pubkey, whose version
// is the end of the key's id, or its whole fingerprint (rpm 6).
type key struct{ id, owner string }

// maxKeys bounds the keys that are looked through for each id; distributions
// import a handful.
const maxKeys = 1000

// nameSigners sets who signed each package. signed has the id of the key by the
// package's place. Which names a key goes by is the database's word: nothing is
// verified.
func nameSigners(packages []Package, signed map[int]string, keys []key) {
	keys = keys[:min(len(keys), maxKeys)]
	owners := map[string]string{} // by the id of the signature
	for i, id := range signed {
		owner, known := owners[id]
		if !known {
			owner = ownerOf(keys, id)
			owners[id] = owner
		}
		packages[i].Signer = owner
	}
}

func ownerOf(keys []key, id string) string {
	for _, k := range keys {
		if len(k.id) >= 8 && (strings.HasSuffix(id, k.id) || strings.HasSuffix(k.id, id)) {
			return k.owner
		}
	}
	return ""
}

// owner returns the user id of a key: its packager, or what the summary has
// between brackets, "gpg(Fedora (39) <fedora-39-primary@fedoraproject.org>)".
func (h header) owner() string {
	if packager := h.text(tagPackager); packager != "" {
		return packager
	}
	summary := h.text(tagSummary)
	if inner, ok := strings.CutPrefix(summary, "gpg("); ok {
		return strings.TrimSuffix(inner, ")")
	}
	return strings.TrimSuffix(summary, " public key")
}

// signer returns the id of the key that signed the package, "" when none did.
func (h header) signer() string {
	for _, tag := range [...]uint32{tagRSAHeader, tagDSAHeader, tagSigPGP, tagSigGPG} {
		if id := issuer(h.numbers(tag, typeBin, 1)); id != "" {
			return id
		}
	}
	for _, text := range h.texts(tagOpenPGP) {
		if packet, err := base64.StdEncoding.DecodeString(text); err == nil {
			if id := issuer(packet); id != "" {
				return id
			}
		}
	}
	return ""
}

// issuer returns the id of the key that made a signature (RFC 4880, 4.2, 5.2; RFC
// 9580 for version 6), in hexadecimal.
func issuer(packet []byte) string {
	body, tag, ok := packetBody(packet)
	if !ok || tag != 2 || len(body) < 4 {
		return ""
	}
	switch body[0] {
	case 3:
		if len(body) >= 15 {
			return hex.EncodeToString(body[7:15])
		}
		return ""
	case 4:
		return issuerOf(body[4:], 2)
	case 6:
		return issuerOf(body[4:], 4)
	}
	return ""
}

// packetBody cuts the first packet off, in the old form of lengths or the new.
func packetBody(data []byte) (body []byte, tag byte, ok bool) {
	if len(data) < 2 || data[0]&0x80 == 0 {
		return nil, 0, false
	}
	first, data := data[0], data[1:]
	if first&0x40 != 0 {
		size, rest, ok := newLength(data)
		if !ok || size > uint64(len(rest)) {
			return nil, 0, false
		}
		return rest[:size], first & 0x3f, true
	}
	tag = first >> 2 & 0x0f
	if first&3 == 3 {
		return data, tag, true // as long as there is
	}
	width := 1 << (first & 3)
	if len(data) < width {
		return nil, 0, false
	}
	size := uint64(0)
	for _, b := range data[:width] {
		size = size<<8 | uint64(b)
	}
	if data = data[width:]; size > uint64(len(data)) {
		return nil, 0, false
	}
	return data[:size], tag, true
}

// newLength reads a length in the new form, which subpackets have too.
func newLength(data []byte) (size uint64, rest []byte, ok bool) {
	switch {
	case len(data) == 0:
		return 0, nil, false
	case data[0] < 192:
		return uint64(data[0]), data[1:], true
	case data[0] == 255 && len(data) >= 5:
		return uint64(binary.BigEndian.Uint32(data[1:])), data[5:], true
	case data[0] < 255 && len(data) >= 2:
		return uint64(data[0]-192)<<8 + uint64(data[1]) + 192, data[2:], true
	}
	return 0, nil, false
}

// Subpackets that name the key (RFC 9580, 5.2.3.12 and 5.2.3.35).
const (
	subIssuer      = 16
	subFingerprint = 33
)

// issuerOf looks through the two areas of subpackets, each behind its length.
func issuerOf(data []byte, width int) string {
	for range 2 {
		if len(data) < width {
			return ""
		}
		size := uint64(0)
		for _, b := range data[:width] {
			size = size<<8 | uint64(b)
		}
		if data = data[width:]; size > uint64(len(data)) {
			return ""
		}
		area := data[:size]
		data = data[size:]
		for len(area) > 0 {
			n, rest, ok := newLength(area)
			if !ok || n == 0 || n > uint64(len(rest)) {
				return ""
			}
			sub := rest[:n]
			area = rest[n:]
			switch kind := sub[0] & 0x7f; {
			case kind == subIssuer && len(sub) == 9:
				return hex.EncodeToString(sub[1:])
			case kind == subFingerprint && len(sub) == 22 && sub[1] == 4:
				return hex.EncodeToString(sub[14:])
			case kind == subFingerprint && len(sub) == 34:
				return hex.EncodeToString(sub[2:10]) // that of version 6 begins with it
			}
		}
	}
	return ""
}
