package deployer

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"teal/catalog"
	"teal/deployer/printable"
	"teal/deployer/servicefile"
)

const (
	gateMaxBody = 1 << 20 // bytes of an answer that are looked at
	shownBody   = 200     // bytes of an answer that are shown
)

// smoke asks the new release all smoke tests, again and again until it comes
// through all of them in one go.
func (r *run) smoke(ctx context.Context) error {
	if len(r.spec.Gates.Smoke) == 0 {
		return nil
	}
	return r.persist(ctx, r.spec.Timeout, r.opt.Poll, func(ctx context.Context, round int) error {
		door, err := r.door(ctx, round)
		if err != nil {
			return err
		}
		if err := askAll(ctx, door, r.spec.Gates.Smoke); err != nil {
			return err
		}
		r.step("all smoke tests pass through %s", door.through)
		return nil
	})
}

// askAll is the first of the tests that does not pass.
func askAll(ctx context.Context, d door, tests []servicefile.Smoke) error {
	client := clientFor(d.protocol)
	defer client.CloseIdleConnections()
	for _, test := range tests {
		if err := askSmoke(ctx, client, test, d.url); err != nil {
			return fmt.Errorf("smoke test %s through %s: %w", test.Path, d.through, err)
		}
	}
	return nil
}

// clientFor speaks a protocol, follows no redirect, and asks nobody in between.
// As with checks over TLS, who an instance is is for the routers to verify.
func clientFor(protocol string) *http.Client {
	transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	switch protocol {
	case catalog.ProtocolH2C, catalog.ProtocolGRPC:
		transport.Protocols.SetUnencryptedHTTP2(true)
	default:
		transport.Protocols.SetHTTP1(true)
		transport.Protocols.SetHTTP2(true)
	}
	return &http.Client{Transport: transport, CheckRedirect: asItIs}
}

// asItIs keeps a client from following redirects.
func asItIs(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func askSmoke(ctx context.Context, client *http.Client, s servicefile.Smoke, base string) error {
	within := cmp.Or(s.Within, servicefile.DefaultSmokeTimeout)
	ctx, done := context.WithTimeout(ctx, within)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+s.Path, nil)
	if err != nil {
		return err
	}
	for name, value := range s.Header {
		req.Header.Set(name, value)
	}
	status, body, err := fetch(client, req)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no whole answer within %s", within)
	}
	if err != nil {
		return err
	}
	return judgeSmoke(s, status, body)
}

// fetch is the status and the beginning of the body of an answer. Its errors
// leave out the address, which may hold secrets.
func fetch(client *http.Client, req *http.Request) (status int, body string, err error) {
	resp, err := client.Do(req)
	var where *url.Error
	if errors.As(err, &where) {
		err = where.Err
	}
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(io.LimitReader(resp.Body, gateMaxBody))
	if err != nil {
		return 0, "", fmt.Errorf("read the body of the answer: %w", err)
	}
	return resp.StatusCode, string(all), nil
}

// judgeSmoke is why an answer is not what is wanted, or nil. It is pure.
func judgeSmoke(s servicefile.Smoke, status int, body string) error {
	switch {
	case s.Status == 0 && (status < 200 || status > 299):
		return fmt.Errorf("it answered %s where a 2xx is wanted, with the body %s", printable.Status(status), beginning(body))
	case s.Status != 0 && status != s.Status:
		return fmt.Errorf("it answered %s where %s is wanted, with the body %s", printable.Status(status), printable.Status(s.Status), beginning(body))
	case s.Pattern != nil && !s.Pattern.MatchString(body):
		return fmt.Errorf("it answered %s with a body that does not match /%s/: %s", printable.Status(status), s.Pattern, beginning(body))
	case !strings.Contains(body, s.Body):
		return fmt.Errorf("it answered %s with a body that does not hold %q: %s", printable.Status(status), s.Body, beginning(body))
	}
	return nil
}

// beginning shows the first bytes of a body on one line.
func beginning(body string) string {
	if len(body) > shownBody {
		return strconv.Quote(body[:shownBody]) + "…"
	}
	return strconv.Quote(body)
}
