package secret

import (
	"strings"
)

// aboutWords end names of what belongs to a secret and is none: where it is kept,
// what it is called, what it looks like.
var aboutWords = wordSet(`name names file files filename path paths dir directory url uri urls uris endpoint type types
	header headers field fields param params parameter id ids hash hashes digest digests sum checksum sha1 sha256 sha512 md5 fingerprint
	thumbprint length len size count limit expiry expires expiration expired ttl age timeout version format prefix suffix
	pattern regex regexp label title description desc placeholder message msg text error errors hint issuer audience scope scopes
	provider class factory kind mode status state enabled disabled required env var variable ref reference arn alias
	policy location host port address algorithm alg method integrity etag revision commit cert certificate
	created updated at date time index position offset range map list set table column`)

// publicWords stand in names of what is public, wherever they stand.
var publicWords = wordSet(`public pub hash hashed digest checksum fingerprint thumbprint csrf xsrf nonce sitekey
	integrity etag commit revision placeholder example dummy snapshot locale translation css style`)

// passingWords stand in names of UUIDs that say which of many, not who may.
var passingWords = wordSet(`request page next continuation sync idempotency transaction trace span correlation message
	job task event batch upload session cancellation cancel client tenant app application user account resource object device
	version schema test type public csrf xsrf id guid uuid`)

// ownerWords are those of passingWords that say whose a secret is.
var ownerWords = wordSet(`client app application account user`)

// weakWords tell of a secret when another word stands with them.
var weakWords = wordSet(`token secret key credential credentials password passwd passphrase pwd`)

// strongPairs tell of a secret without a vendor's word.
var strongPairs = strings.Fields(`apikey apitoken apisecret authtoken accesstoken secretkey accesskey clientsecret authkey authsecret secrettoken`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// wordsOf splits a name where people divide names: at signs and at capitals.
func wordsOf(name []byte) []string {
	var words []string
	start := 0
	flush := func(to int) {
		if to > start {
			words = append(words, strings.ToLower(string(name[start:to])))
		}
		start = to
	}
	for i, b := range name {
		switch kind := classOf(b); {
		case kind == other:
			flush(i)
			start = i + 1
		case i > start && kind == upperCase && (classOf(name[i-1]) != upperCase || i+1 < len(name) && classOf(name[i+1]) == lowerCase):
			flush(i)
		}
	}
	flush(len(name))
	return words
}

// tells reports whether what a name is given is a secret, not about one.
func tells(name []byte) bool {
	words := wordsOf(name)
	if len(words) == 0 || aboutWords[words[len(words)-1]] {
		return false
	}
	for _, w := range words {
		if publicWords[w] {
			return false
		}
	}
	return true
}

// tellsUUID reports whether a UUID of a name is a key: UUIDs are mostly the names
// of things, so the name has to say whose key it is, or that it is one to an
// interface.
func tellsUUID(name []byte) bool {
	words := wordsOf(name)
	if !tells(name) {
		return false
	}
	vendors, last := 0, words[len(words)-1]
	for _, w := range words {
		// Not who has the secret: ACME_CLIENT_SECRET, acmeAppKey.
		if ownerWords[w] && (last == "secret" || last == "password" || w == "app" && last == "key") {
			continue
		}
		if passingWords[w] {
			return false
		}
		if !weakWords[w] && w != "api" && w != "auth" && w != "access" && len(w) > 2 {
			vendors++
		}
	}
	joined := strings.Join(words, "")
	for _, pair := range strongPairs {
		if strings.Contains(joined, pair) {
			return vendors > 0 || pair != "clientsecret"
		}
	}
	return vendors > 0 && (weakWords[last] && last != "key" || strings.HasSuffix(joined, "appkey") || strings.HasSuffix(joined, "licensekey"))
}

// isUUID knows RFC 9562's form, all zeros and the like apart.
func isUUID(value []byte) bool {
	if len(value) != 36 || distinct(value) < 8 {
		return false
	}
	for i, b := range value {
		switch i {
		case 8, 13, 18, 23:
			if b != '-' {
				return false
			}
		default:
			if !('0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'f') {
				return false
			}
		}
	}
	return true
}
