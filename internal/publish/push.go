package publish

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/safetext"
	"github.com/careen/careen/internal/scratch"
	"github.com/careen/careen/internal/vulndb"
)

// worth is the part of the whole above which a delta saves too little for its
// place in the registry.
const worth = 0.75

// Push verifies the database in a file, packed or not, and puts it into a
// registry, with deltas from older ones and, if a file of it is named, its
// signature. It returns the digest of the manifest. opt's Warn hears of deltas
// that would not pay.
func Push(ctx context.Context, file, ref string, bases []string, signatureFile string, opt Options) (string, error) {
	folder, err := scratch.NewFolder("", "careen-push-")
	if err != nil {
		return "", err
	}
	defer folder.Remove()
	dir := folder.Path
	db, err := OpenUnpacked(file, filepath.Join(dir, "new.db"))
	if err != nil {
		return "", err
	}
	defer db.Close()
	info := db.Info()
	packed := filepath.Join(dir, "new.db.zst")
	if err := WritePacked(packed, db); err != nil {
		return "", err
	}
	whole, err := os.Stat(packed)
	if err != nil {
		return "", err
	}
	a := image.Artifact{
		Type: artifactType,
		Annotations: map[string]string{
			annotationCreated: info.Built.UTC().Format(time.RFC3339),
			annotationNewest:  info.Newest().UTC().Format(time.RFC3339),
			annotationFormat:  fmt.Sprint(info.Format),
			annotationDigest:  info.Digest,
		},
		Layers: []image.ArtifactLayer{{MediaType: wholeType, Open: func() (io.ReadCloser, error) { return os.Open(packed) }}},
	}
	for i, base := range bases {
		layers, err := deltaLayer(base, filepath.Join(dir, fmt.Sprintf("base%d.db", i)), db, whole.Size(), opt)
		if err != nil {
			return "", fmt.Errorf("--delta-from %s: %w", base, err)
		}
		a.Layers = append(a.Layers, layers...)
	}
	if signatureFile != "" {
		r, err := os.Open(signatureFile)
		if err != nil {
			return "", fmt.Errorf("--signature: %w", err)
		}
		text, err := readSignature(r)
		if err != nil {
			return "", err
		}
		a.Layers = append(a.Layers, image.BytesLayer(signatureType, []byte(text)))
	}
	digest, err := image.PushArtifact(ctx, ref, a, opt.Image)
	if err != nil {
		return "", fmt.Errorf("%s: %w", ref, err)
	}
	return digest, nil
}

// deltaLayer makes the delta from a base; none where it would not pay.
func deltaLayer(base, unpacked string, db *vulndb.DB, whole int64, opt Options) ([]image.ArtifactLayer, error) {
	old, err := OpenUnpacked(base, unpacked)
	if err != nil {
		return nil, err
	}
	defer old.Close()
	if old.Info().Digest == db.Info().Digest {
		opt.warn("no delta from %s: it is the same database", base)
		return nil, nil
	}
	var delta bytes.Buffer
	if err := vulndb.Delta(&delta, old, db); err != nil {
		return nil, err
	}
	if float64(delta.Len()) > worth*float64(whole) {
		opt.warn("no delta from %s: it would be %s of %s", base, safetext.Bytes(int64(delta.Len())), safetext.Bytes(whole))
		return nil, nil
	}
	layer := image.BytesLayer(deltaType, delta.Bytes())
	layer.Annotations = map[string]string{annotationBase: old.Info().Digest}
	return []image.ArtifactLayer{layer}, nil
}
