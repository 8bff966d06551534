package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/report"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/vulndb"
)

// maxSBOM bounds an SBOM given as target; those of images with 20,000 packages
// have a quarter of it.
const maxSBOM = 128 << 20

// sbomTarget reports whether a target is an SBOM: by its prefix or its content,
// or by what standard input begins with.
func (c *command) sbomTarget(t image.Target) bool {
	return t.Kind == image.KindSBOM || t.Kind == image.KindArchive && t.Name == "-" && c.stdinIsSBOM()
}

// stdinIsSBOM looks at the first bytes of standard input and leaves them there.
func (c *command) stdinIsSBOM() bool {
	var head []byte
	if f, ok := c.stdin.(*os.File); ok {
		// A redirected file is read in place, which a buffer would prevent.
		buf := make([]byte, 512)
		if n, err := f.ReadAt(buf, 0); err == nil || err == io.EOF {
			head = buf[:n]
		}
	}
	if head == nil && c.stdin != nil {
		buffered := bufio.NewReader(c.stdin)
		head, _ = buffered.Peek(512)
		c.stdin = buffered
	}
	return image.LooksLikeSBOM(head)
}

// scanSBOM scans the packages that an SBOM lists.
func (c *command) scanSBOM(ctx context.Context, t image.Target, opt scan.Options, judge judging) ([]*report.Report, error) {
	document, err := c.readSBOM(t.Name)
	if err != nil {
		return nil, err
	}
	opt.Version, opt.Now = version(), time.Now()
	r, err := judge(ctx, func(db *vulndb.DB) (*report.Report, error) {
		opt.DB = db
		r, err := scan.SBOM(ctx, t.Name, document, opt)
		if err != nil {
			return nil, fmt.Errorf("not an SBOM: %w", err)
		}
		return r, nil
	})
	if err != nil {
		return nil, err
	}
	return []*report.Report{r}, nil
}

func (c *command) readSBOM(path string) ([]byte, error) {
	r := c.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("sbom: %w", err)
		}
		defer f.Close()
		r = f
	}
	document, err := io.ReadAll(io.LimitReader(r, maxSBOM+1))
	if err != nil {
		return nil, fmt.Errorf("sbom: %w", err)
	}
	if len(document) > maxSBOM {
		return nil, fmt.Errorf("sbom: more than %d bytes", maxSBOM)
	}
	return document, nil
}
