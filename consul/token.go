package consul

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	tokenHeader = "X-Consul-Token"

	// tokenCheck is how often at most the token's file is looked at.
	tokenCheck = 2 * time.Second
)

// tokenFile is the token that a file holds now. The SDK reads
// CONSUL_HTTP_TOKEN_FILE once, but tokens are rotated under running daemons. A
// file that can't be read, or holds nothing, changes nothing: it is being
// written, or will be. It is safe for any goroutine.
type tokenFile struct {
	path string
	now  func() time.Time
	log  hclog.Logger

	mu      sync.Mutex
	token   string
	seen    os.FileInfo // of the file that token was read from
	checked time.Time
	failing bool
}

// tokened sends each request with the token of a file.
type tokened struct {
	file *tokenFile
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t tokened) RoundTrip(r *http.Request) (*http.Response, error) {
	if token := t.file.current(); token != "" && r.Header.Get(tokenHeader) != token {
		r = r.Clone(r.Context())
		r.Header.Set(tokenHeader, token)
	}
	return t.next.RoundTrip(r)
}

// current is the token to use now; empty before the file has ever held one.
func (f *tokenFile) current() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if !f.checked.IsZero() && now.Sub(f.checked) < tokenCheck {
		return f.token
	}
	f.checked = now
	err := f.reload()
	if err != nil && !f.failing {
		f.log.Warn("the token file can't be read; the last token is used until it can", "file", f.path, "error", err)
	}
	f.failing = err != nil
	return f.token
}

// reload reads the file if it has changed. The caller holds mu.
func (f *tokenFile) reload() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	if f.seen != nil && unchanged(f.seen, info) {
		return nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return err
	}
	f.seen = info
	if token := strings.TrimSpace(string(text)); token != "" && token != f.token {
		if f.token != "" {
			f.log.Info("using the new token of the token file", "file", f.path)
		}
		f.token = token
	}
	return nil
}

// unchanged tells whether a file is still what it was. Rotation often renames a
// new file into place.
func unchanged(before, now os.FileInfo) bool {
	return os.SameFile(before, now) && before.Size() == now.Size() && before.ModTime().Equal(now.ModTime())
}
