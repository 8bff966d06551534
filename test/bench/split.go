package main

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/careen/careen/internal/imagetest"
)

// split deals the entries of a tar out to n layers of about the same size, in
// order, as the instructions of a Dockerfile would bring them one after the other.
func split(packed, dir string, n int) ([]imagetest.Layer, error) {
	in, err := os.Open(packed)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	tr := tar.NewReader(in)
	var layers []imagetest.Layer
	for i := 0; i < n; i++ {
		to := filepath.Join(dir, fmt.Sprintf("layer-%02d.tar", i))
		if err := deal(tr, to, info.Size()/int64(n), i == n-1); err != nil {
			return nil, err
		}
		layers = append(layers, imagetest.Layer{TarFile: to, Instruction: fmt.Sprintf("ADD part-%02d /", i)})
	}
	return layers, nil
}

// deal writes the next entries, of some bytes together or all that are left.
func deal(tr *tar.Reader, to string, most int64, all bool) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	tw := tar.NewWriter(f)
	for written := int64(0); all || written < most; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(tw, tr); err != nil {
			return err
		}
		written += h.Size + 1024
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return f.Close()
}
