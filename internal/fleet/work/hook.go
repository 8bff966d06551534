package work

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/careen/careen/internal/fleet/queue"
	"github.com/careen/careen/internal/fleet/store"
)

// kindsOfNotices are what a hook may be told.
var kindsOfNotices = []string{"critical", "exploited", "fixable"}

// CheckHook reports what is wrong with a hook.
func CheckHook(h store.Hook) error {
	u, err := url.Parse(h.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("url: an address that begins with https://, without a password in it")
	case len(h.Secret) < 16:
		return errors.New("secret: at least 16 characters, by which the receiver knows that a message is from here")
	}
	for k := range strings.SplitSeq(h.Kinds, ",") {
		if !slices.Contains(kindsOfNotices, k) {
			return fmt.Errorf("kinds: some of %s", strings.Join(kindsOfNotices, ","))
		}
	}
	return nil
}

// noticeArgs asks for hooks to be told.
type noticeArgs struct{}

func (noticeArgs) Kind() string { return "notify.find" }

// sendArgs asks for one hook to be told what it was not.
type sendArgs struct {
	Hook int64 `json:"hook"`
}

func (sendArgs) Kind() string { return "notify.send" }

const (
	noticeEvery   = time.Minute
	noticeTimeout = 30 * time.Second
	noticesOnce   = 1000 // in one message
)

func (w *Work) notice(ctx context.Context, job *queue.Job[noticeArgs]) error {
	hooks, err := w.store.Hooks(ctx)
	if err != nil {
		return err
	}
	return finish(ctx, w, job, func(tx *store.Tx) error {
		for _, h := range hooks {
			if err := tx.NoteNotices(ctx, h); err != nil {
				return err
			}
			if err := w.queue.Add(ctx, tx.SQL, queue.Insert{Args: sendArgs{h.ID}, Queue: QueueList}); err != nil {
				return err
			}
		}
		return nil
	})
}

// send tells a hook. What fails is tried again with the next attempts of the job, and
// after these every minute anew, until it is told.
func (w *Work) send(ctx context.Context, job *queue.Job[sendArgs]) error {
	hooks, err := w.store.Hooks(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(hooks, func(h store.Hook) bool { return h.ID == job.Args.Hook })
	if i < 0 {
		return finish(ctx, w, job, nil) // it was removed
	}
	list, err := w.store.Unsent(ctx, hooks[i].ID, noticesOnce)
	if err != nil || len(list) == 0 {
		return errors.Join(err, finish(ctx, w, job, nil))
	}
	if failed := w.tell(ctx, hooks[i], list); failed != nil {
		return errors.Join(failed, w.store.Tx(ctx, func(tx *store.Tx) error { return tx.Sent(ctx, hooks[i].ID, list, failed.Error(), time.Now()) }))
	}
	return finish(ctx, w, job, func(tx *store.Tx) error { return tx.Sent(ctx, hooks[i].ID, list, "", time.Now()) })
}

// Signature is the header with the signature of a message: "sha256=" and the HMAC of
// its bytes under the hook's secret.
const Signature = "X-Careen-Signature-256"

// Sign signs a message.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// tell sends a message. Its id is that of what it says, so that one that comes twice
// is known for that.
func (w *Work) tell(ctx context.Context, h store.Hook, list []store.Notice) error {
	said, err := json.Marshal(list)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(said)
	body, err := json.Marshal(map[string]any{"schema": "careend-notices/1", "id": hex.EncodeToString(sum[:16]), "notices": json.RawMessage(said)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "careend/"+w.opt.Version)
	req.Header.Set(Signature, Sign(h.Secret, body))
	client := &http.Client{Timeout: noticeTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Control: w.mayDial}).DialContext}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("hook %d: %w", h.ID, err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("hook %d: %s", h.ID, resp.Status)
	}
	return nil
}

var errPrivate = errors.New("an address of a private network: --private-hooks allows them")

// mayDial keeps hooks from what only this machine and its network can reach, by the
// address that is connected to and not by its name.
func (w *Work) mayDial(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := at.Addr().Unmap()
	if !w.opt.PrivateHooks && (!ip.IsGlobalUnicast() || ip.IsPrivate()) {
		return errPrivate
	}
	return nil
}
