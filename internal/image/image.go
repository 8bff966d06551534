// Package image turns a reference into an image: from a registry, a daemon, an
// archive, an OCI layout or a directory. Nothing else in Careen opens an image
// or a socket to one. It knows manifests, configs and layers as stored bytes;
// what a layer's files mean is rootfs's business.
package image

import (
	"io"
	"time"
)

// Image is one image for one platform.
type Image struct {
	Ref      string // what the user typed, or the tag found in the archive
	Kind     Kind
	Digest   string   // manifest digest as stored, "sha256:…"; "" where the source has none
	ConfigID string   // digest of the config, the "image ID" of Docker; "" for directories
	Tags     []string // every reference that the source gives it
	Platform Platform
	Config   Config
	Layers   []Layer // lowest first; empty for a directory
	Dir      string  // the root directory, for KindDir only
}

// Platform names what an image runs on.
type Platform struct {
	OS           string
	Architecture string
	Variant      string
}

// Config is the part of the image configuration that Careen reads
// (OCI image-spec v1.1, config.md).
type Config struct {
	Created      time.Time
	Author       string
	User         string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	WorkingDir   string
	ExposedPorts []string // sorted, "80/tcp"
	Volumes      []string // sorted
	Labels       map[string]string
	StopSignal   string
	Healthcheck  []string // Docker's extension; nil when absent
	Shell        []string // Docker's extension
	OnBuild      []string // Docker's extension
	History      []History
	DiffIDs      []string
	Raw          []byte // the whole document as stored
}

// History is one entry of the configuration's history.
type History struct {
	Created    time.Time
	CreatedBy  string // the instruction, as the builder wrote it
	Comment    string
	EmptyLayer bool
}

// Layer is one layer as stored.
type Layer struct {
	DiffID      string // digest of the uncompressed tar, from the config
	Digest      string // digest of the stored bytes; "" where the source does not know it before reading
	Size        int64  // stored bytes; -1 when unknown
	MediaType   string
	Instruction string   // history entry that made it, cleaned for people; "" when the history does not say
	History     int      // index into Config.History, -1 when unknown
	URLs        []string // where a foreign layer says it can be had; such a layer may be missing

	// Local says that nothing but the file or the daemon that holds the layer
	// answers for its bytes: an archive of docker save, a daemon's export. If they
	// are a plain tar, DiffID and Digest are claims that reading does not check
	// unless it is asked to. Of any other layer, reading verifies Digest.
	Local bool

	// Key names the bytes of a local layer for a cache: the identity of the file
	// and the place in it, or the daemon's word. No image can choose it. "" means
	// that nothing lasting identifies them; of a layer that is not local, Digest does.
	Key string

	// Open returns the layer's stored bytes, compressed or not (the reader finds
	// out from the bytes). It may be called several times, also at once.
	Open func() (io.ReadCloser, error)
}
