package work

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
)

// Login is a credential that came with a request for an image. It stays in the
// memory of the process that got it, so the image is read there.
type Login struct {
	Username, Password string
	Insecure           bool // the registry speaks plain HTTP
}

// logins are the images that are being read with a credential, or could not be.
type logins struct {
	queue string // that only this process works on

	mu   sync.Mutex
	list map[loginArgs]loggedIn
}

type loggedIn struct {
	login Login
	why   string // what went wrong; "" as long as it is being read
}

const maxLogins = 10_000 // images at once; beyond that what failed is forgotten

func newLogins() *logins {
	var b [8]byte
	rand.Read(b[:])
	return &logins{queue: "own-" + hex.EncodeToString(b[:]), list: map[loginArgs]loggedIn{}}
}

// loginArgs asks for an image to be read with a credential.
type loginArgs struct {
	Repo   string `json:"repo"`
	Digest string `json:"digest"`
}

func (loginArgs) Kind() string { return "image.login" }

// QueueOwn is the queue of jobs that only this process can do.
func (w *Work) QueueOwn() string { return w.logins.queue }

// ErrBusy says that so many images wait or are being read that no more are taken.
var ErrBusy = errors.New("too many images wait already; ask again later")

// ReadWith asks for an image to be read with a credential, unless it is known. A tag
// that is named is noted.
func (w *Work) ReadWith(ctx context.Context, repo, digest, tag string, login Login) error {
	id, err := w.store.ImageID(ctx, digest)
	if err != nil {
		return err
	}
	args := loginArgs{repo, digest}
	if id == 0 && !w.logins.begin(args, login) {
		return ErrBusy
	}
	return w.store.Tx(ctx, func(tx *store.Tx) error {
		if tag != "" {
			at, err := tx.Repo(ctx, repo)
			if err != nil {
				return err
			}
			if err := tx.Tag(ctx, at, tag, digest, time.Now()); err != nil {
				return err
			}
		}
		if id != 0 {
			return w.link(ctx, tx, imageArgs{Repo: repo, Digest: digest, Target: digest}, id)
		}
		return w.queue.Add(ctx, tx.SQL, queue.Insert{Args: args, Queue: w.logins.queue})
	})
}

// Reading reports whether this process reads an image with a credential, or why it
// could not.
func (w *Work) Reading(repo, digest string) (running bool, why string) {
	w.logins.mu.Lock()
	defer w.logins.mu.Unlock()
	l, found := w.logins.list[loginArgs{repo, digest}]
	return found && l.why == "", l.why
}

func (l *logins) begin(args loginArgs, login Login) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxLogins {
		for a, old := range l.list {
			if old.why != "" {
				delete(l.list, a)
			}
		}
	}
	if len(l.list) >= maxLogins {
		return false
	}
	l.list[args] = loggedIn{login: login}
	return true
}

// end notes how the reading ended: with the image there, or why it is not.
func (l *logins) end(args loginArgs, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if why == "" {
		delete(l.list, args)
		return
	}
	l.list[args] = loggedIn{why: why}
}

func (l *logins) of(args loginArgs) (Login, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.list[args]
	return found.login, ok
}

func (w *Work) readWithLogin(ctx context.Context, job *queue.Job[loginArgs]) error {
	login, ok := w.logins.of(job.Args)
	if !ok {
		return queue.Never(errors.New("its credential is gone"))
	}
	away, why, err := readInto(ctx, w, job, imageArgs{Repo: job.Args.Repo, Digest: job.Args.Digest, Target: job.Args.Digest}, login)
	switch {
	case away:
		w.logins.end(job.Args, why)
	case err == nil:
		w.logins.end(job.Args, "")
	case ctx.Err() == nil && !queue.Waits(err):
		w.logins.end(job.Args, err.Error()) // the one who asked decides whether to ask again
		return queue.Never(err)
	}
	return err
}
