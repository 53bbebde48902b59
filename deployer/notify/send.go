package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"teal/deployer/printable"
	"teal/deployer/servicefile"
	"teal/deployer/timing"
)

const (
	sendPause    = 200 * time.Millisecond // before the second try
	maxRedirects = 3
	maxAnswer    = 64 << 10 // bytes of an answer that are read, to use the connection again
)

// message is one request of a notification.
type message struct {
	contentType string
	body        []byte
}

// tell sends one its messages, one after the other. Its error holds no address.
func (n Notifier) tell(ctx context.Context, one servicefile.Notify, t Tidings) error {
	timeout := n.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	ctx, done := context.WithTimeout(ctx, timeout)
	defer done()
	to, err := parsed(one, n.Environ)
	if err != nil {
		return err
	}
	messages, err := t.messages(one.Kind)
	if err != nil {
		return err
	}
	client := newClient()
	defer client.CloseIdleConnections()
	for _, m := range messages {
		if err := sendTwice(ctx, client, to, m); err != nil {
			return err
		}
	}
	return nil
}

// parsed is where one is told. Its error holds no address, which may be secret.
func parsed(n servicefile.Notify, environ []string) (*url.URL, error) {
	address := n.Address(environ)
	if address == "" {
		return nil, errors.New("it is not set where the deployment runs; set it there")
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("it is no http or https address; see that all of it was copied")
	}
	return u, nil
}

// newClient follows redirects only where the message goes along and the
// host stays the same.
func newClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true}
	return &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		first := via[0]
		if next.Method != http.MethodPost || next.URL.Host != first.URL.Host || next.URL.Scheme != first.URL.Scheme || len(via) > maxRedirects {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// sendTwice sends a message, and again where the first try may have met a passing
// trouble.
func sendTwice(ctx context.Context, client *http.Client, to *url.URL, m message) error {
	status, err := send(ctx, client, to, m)
	if err != nil && ctx.Err() == nil || status >= http.StatusInternalServerError {
		if timing.Sleep(ctx, sendPause) == nil {
			status, err = send(ctx, client, to, m)
		}
	}
	switch {
	case err != nil:
		return withoutAddress(ctx, err)
	case status >= 300 && status <= 399:
		return fmt.Errorf("it answered %s, which leads elsewhere and is not followed; set the address that it leads to", printable.Status(status))
	case status < 200 || status > 299:
		return fmt.Errorf("it answered %s", printable.Status(status))
	}
	return nil
}

func send(ctx context.Context, client *http.Client, to *url.URL, m message) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(m.body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", m.contentType)
	req.Header.Set("User-Agent", "teal")
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer)
	return res.StatusCode, nil
}

// withoutAddress says what went wrong in words of its own: those of the error name
// the address, and even a host's name may be what is secret of it.
func withoutAddress(ctx context.Context, err error) error {
	var lookup *net.DNSError
	var untrusted *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return errors.New("it did not answer in time")
	case errors.As(err, &lookup):
		return errors.New("the name of its host is not known here")
	case errors.As(err, &untrusted):
		return errors.New("its certificate is not trusted here")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("its host refused the connection")
	}
	return errors.New("the connection to it broke, or could not be made")
}
