package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/careen/careen/internal/base"
	"github.com/careen/careen/internal/harden"
	"github.com/careen/careen/internal/image"
	"github.com/careen/careen/internal/imagetest"
	"github.com/careen/careen/internal/plan"
	"github.com/careen/careen/internal/scan"
	"github.com/careen/careen/internal/slim"
)

// countdown is a context that ends when it has been asked so often whether it has.
type countdown struct {
	context.Context
	most  int64
	asked atomic.Int64
	once  sync.Once
	done  chan struct{}
}

func newCountdown(most int64) *countdown {
	return &countdown{Context: context.Background(), most: most, done: make(chan struct{})}
}

func (c *countdown) Done() <-chan struct{} { return c.done }

func (c *countdown) Err() error {
	if c.asked.Add(1) <= c.most {
		return nil
	}
	c.once.Do(func() { close(c.done) })
	return context.Canceled
}

// What follows the reading of an image looks at the context all the time, and ends
// with it wherever that is: it asks only a few times more, and says no result.
func TestVerbsEndInTheMiddle(t *testing.T) {
	img := imagetest.Memory(t, endsImage())
	opt := scan.Options{Reach: true, Scanners: scan.Scanners{Surface: true, Secrets: true, Misconfigurations: true}, Now: time.Unix(1700000000, 0)}
	opened := func(ctx context.Context) (*scan.Opened, error) { return scan.Open(ctx, img, opt) }
	type verb func(ctx context.Context, in *scan.Opened) error
	for _, row := range []struct {
		name string
		run  verb
	}{
		{"report", func(_ context.Context, in *scan.Opened) error { _, err := in.Report(opt); return err }},
		{"reach", func(ctx context.Context, in *scan.Opened) error {
			r, err := in.Reach(nil)
			if err != nil {
				return err
			}
			r.Summary()
			return ctx.Err()
		}},
		{"harden", func(ctx context.Context, in *scan.Opened) error {
			r, err := in.Reach(nil)
			if err != nil {
				return err
			}
			harden.Analyse(harden.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: r})
			return ctx.Err()
		}},
		{"slim", func(ctx context.Context, in *scan.Opened) error {
			r, err := in.Reach(nil)
			if err != nil {
				return err
			}
			src := slim.Source{Image: img, Tree: in.Tree, Packages: in.Catalog.Packages, Reach: r}
			p, err := slim.Decide(src, slim.Options{})
			if err != nil {
				return err
			}
			made, err := p.Build(ctx, src, slim.Options{TempDir: t.TempDir()}, nil)
			if err != nil {
				return err
			}
			made.Close()
			return ctx.Err()
		}},
		{"base", func(ctx context.Context, in *scan.Opened) error {
			r, err := in.Reach(nil)
			if err != nil {
				return err
			}
			_, err = base.Candidates{Layers: 1}.Compare(ctx, in, r, &base.Index{}, opt)
			return err
		}},
		{"plan", func(ctx context.Context, in *scan.Opened) error {
			r, err := in.Report(opt)
			if err != nil {
				return err
			}
			_, err = plan.Make(ctx, plan.Input{Report: r, Packages: in.Catalog.Packages})
			return err
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			whole := newCountdown(1 << 40)
			in, err := opened(whole)
			if err != nil {
				t.Fatal(err)
			}
			before := whole.asked.Load()
			if err := row.run(whole, in); err != nil {
				t.Fatal(err)
			}
			in.Close()
			total := whole.asked.Load()
			t.Logf("asked %d times until it is open, %d by the verb", before, total-before)
			if total-before < 10 {
				t.Errorf("asked only %d times", total-before)
			}
			const more, parts = 60, 5
			for part := range int64(parts) {
				at := before + (total-before)*part/parts
				ctx := newCountdown(at)
				in, err := opened(ctx)
				if err == nil {
					err = row.run(ctx, in)
					in.Close()
				}
				if !errors.Is(err, context.Canceled) {
					t.Errorf("ended after %d of %d: %v", at, total, err)
				}
				if n := ctx.asked.Load() - at; n > more {
					t.Errorf("ended after %d of %d, and asked %d times more", at, total, n)
				}
			}
		})
	}
}

// endsImage has many of all that is looked through.
func endsImage() imagetest.Image {
	const n = 200
	libc := imagetest.ELF{Soname: "libc.so.6"}.Build()
	from := []imagetest.Entry{imagetest.File("etc/os-release", debianRelease), imagetest.File("lib/libc.so.6", libc), imagetest.Exec("bin/sh", imagetest.ELF{Needed: []string{"libc.so.6"}}.Build())}
	own := []imagetest.Entry{imagetest.Exec("app/run.sh", "#!/bin/sh\nexec /app/p0\n")}
	for i := range n {
		from = append(from, imagetest.File(fmt.Sprintf("usr/share/%d/f", i), "x"))
		own = append(own,
			imagetest.Exec(fmt.Sprintf("app/p%d", i), imagetest.ELF{Needed: []string{"libc.so.6"}, Strings: []string{fmt.Sprintf("/app/p%d", i+1)}}.Build()),
			imagetest.File(fmt.Sprintf("app/node_modules/m%d/package.json", i), fmt.Sprintf(`{"name":"m%d","version":"1"}`, i)))
	}
	return imagetest.Image{Config: image.Config{Entrypoint: []string{"/app/run.sh"}}, Layers: []imagetest.Layer{{Entries: from}, {Entries: own}}}
}
