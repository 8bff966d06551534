package slim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/careen/careen/internal/image"
)

// RunContainer runs a trial as a container of a Docker daemon, which has its
// image under a name. Without a URL it has no network.
func (t *Trial) RunContainer(ctx context.Context, engine *image.Engine, name string) (Observation, error) {
	var seen Observation
	opt := image.ContainerOptions{Command: t.Command}
	if t.URL != "" {
		u, err := url.Parse(t.URL)
		if err != nil {
			return seen, err
		}
		_, port, err := net.SplitHostPort(hostPort(u))
		if err == nil {
			opt.Port, err = strconv.Atoi(port)
		}
		if err != nil {
			return seen, fmt.Errorf("%s: %w", t.URL, err)
		}
		if !engine.Publishes() {
			if err := free(hostPort(u)); err != nil {
				return seen, err
			}
		}
	}
	started, err := engine.Start(name, opt)
	if errors.Is(err, image.ErrNotStarted) {
		return Observation{Failed: err.Error()}, nil
	}
	if err != nil {
		return seen, err
	}
	defer started.Remove()
	p := &container{Container: started}
	t.await(ctx, p, started.Address(), &seen)
	if err := errors.Join(p.err, ctx.Err()); err != nil {
		return seen, err
	}
	seen.Output, err = started.Output(maxOutput)
	return seen, err
}

// free reports what would answer instead of a program in the machine's network.
func free(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return nil
	}
	conn.Close()
	return fmt.Errorf("something on this machine answers at %s, where the daemon would run the program", address)
}

// container is a running program whose daemon may fail.
type container struct {
	*image.Container
	err error
}

func (c *container) Ended() (exit int, ended bool) {
	exit, ended, err := c.Container.Ended()
	c.err = err
	return exit, ended || err != nil
}

// Whole is a plan by which everything stays as it is, in one layer: the original,
// for a daemon that does not have it.
func Whole(src Source) *Plan {
	p := &Plan{User: User{Was: src.Image.Config.User}, whole: true}
	for e := range src.Tree.All() {
		p.Kept = append(p.Kept, Kept{Entry: e})
	}
	return p
}
