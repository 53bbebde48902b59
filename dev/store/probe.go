package store

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Consul's limits of probes.
const (
	defaultProbeTimeout = 10 * time.Second
	defaultOutputLimit  = 4 * 1024
	userAgent           = "Consul Health Check"
)

// probe asks a service how it is. It is used by one goroutine.
type probe struct {
	def     *checkDefinition
	timeout time.Duration
	tls     *tls.Config
	client  *http.Client
}

func newProbe(def *checkDefinition) *probe {
	p := &probe{def: def, timeout: time.Duration(def.Timeout)}
	if p.timeout <= 0 {
		p.timeout = defaultProbeTimeout
	}
	p.tls = &tls.Config{
		InsecureSkipVerify: def.TLSSkipVerify, // the registration asks for it
		ServerName:         def.TLSServerName,
	}
	p.client = &http.Client{
		Timeout: p.timeout,
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   p.tls,
			DisableKeepAlives: true,
		},
	}
	if def.DisableRedirects {
		p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return p
}

// run returns the status the answer stands for and Consul's words about it.
func (p *probe) run(ctx context.Context) (status, output string) {
	if p.def.HTTP != "" {
		return p.runHTTP(ctx)
	}
	return p.runTCP(ctx)
}

func (p *probe) runHTTP(ctx context.Context) (status, output string) {
	req, err := p.request(ctx)
	if err != nil {
		return statusCritical, err.Error()
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return statusCritical, err.Error()
	}
	defer resp.Body.Close()
	body := &tail{limit: p.def.outputLimit()}
	_, _ = io.Copy(body, resp.Body) // a cut-off body is still an answer
	output = fmt.Sprintf("HTTP %s %s: %s Output: %s", req.Method, p.def.HTTP, resp.Status, body.kept)
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		return statusPassing, output
	case resp.StatusCode == http.StatusTooManyRequests:
		return statusWarning, output
	}
	return statusCritical, output
}

func (p *probe) request(ctx context.Context) (*http.Request, error) {
	method := p.def.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, p.def.HTTP, strings.NewReader(p.def.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "text/plain, text/*, */*")
	for name, values := range p.def.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	return req, nil
}

func (p *probe) runTCP(ctx context.Context) (status, output string) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	kind, dial := "TCP", (&net.Dialer{}).DialContext
	if p.def.TCPUseTLS {
		kind, dial = "TCP+TLS", (&tls.Dialer{Config: p.tls}).DialContext
	}
	conn, err := dial(ctx, "tcp", p.def.TCP)
	if err != nil {
		return statusCritical, err.Error()
	}
	conn.Close()
	return statusPassing, fmt.Sprintf("%s connect %s: Success", kind, p.def.TCP)
}

// outputLimit is how much of a check's output is kept.
func (d *checkDefinition) outputLimit() int {
	if d.OutputMaxSize > 0 {
		return min(d.OutputMaxSize, defaultOutputLimit)
	}
	return defaultOutputLimit
}

// tail keeps the last bytes written to it.
type tail struct {
	limit int
	kept  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - t.limit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}
