package router

import (
	"context"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"teal/router/edge"
)

// HTTPS is a router's TLS listener. Connections for the name of a TCP service go
// there undecrypted.
type HTTPS struct {
	Listener     net.Listener
	Certificates *edge.Certificates
}

// helloTimeout is how long a client may take for its ClientHello, which is sent
// with the first round trip; the end of the router waits for that long.
const helloTimeout = 5 * time.Second

// secure is the HTTPS of a router that runs.
type secure struct {
	*server
	split *edge.Split
	tcp   *TCPServer
	ended context.Context // nothing comes out of the split any more
	end   context.CancelFunc
}

// newSecure is a router's HTTPS, which does not run yet. Its listener may close
// once ctx has ended.
func newSecure(ctx context.Context, h *HTTPS, r *Router, o serving) *secure {
	s := &secure{tcp: r.tcp}
	s.split = edge.NewSplit(edge.SplitOptions{
		From:         h.Listener,
		Claims:       func(hello edge.Hello) bool { return r.tcp.TakesSNI(hello.ServerName) },
		HelloTimeout: helloTimeout,
		Logger:       o.log,
	})
	o.listener, o.tls = s.split.HTTPS(), h.Certificates.TLSConfig()
	s.server = newServer(ctx, o)
	s.ended, s.end = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// run serves until ctx ends.
func (s *secure) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer s.end()
		return s.split.Run(ctx)
	})
	group.Go(func() error { return s.server.run(s.ended) })
	group.Go(func() error {
		s.tcp.ServeTLS(ctx, s.split.Services(), serverName)
		return nil
	})
	return group.Wait()
}

// serverName is what a connection that comes out of a split asks for.
func serverName(c net.Conn) string {
	if peeked, ok := c.(*edge.Peeked); ok {
		return peeked.Hello.ServerName
	}
	return ""
}

// expiries is the metric of when certificates end.
type expiries struct {
	certificates *edge.Certificates
	desc         *prometheus.Desc
}

func newExpiries(c *edge.Certificates) *expiries {
	return &expiries{certificates: c, desc: prometheus.NewDesc("teal_certificate_expires_timestamp_seconds",
		"When a certificate in use ends, by the name of its files.", []string{"pair"}, nil)}
}

// Describe implements prometheus.Collector.
func (e *expiries) Describe(out chan<- *prometheus.Desc) { out <- e.desc }

// Collect implements prometheus.Collector.
func (e *expiries) Collect(out chan<- prometheus.Metric) {
	for pair, ends := range e.certificates.Expiries() {
		out <- prometheus.MustNewConstMetric(e.desc, prometheus.GaugeValue, float64(ends.Unix()), pair)
	}
}
