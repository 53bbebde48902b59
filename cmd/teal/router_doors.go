package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/pflag"

	"teal/router"
	"teal/router/edge"
)

// doorFlags say where a router listens.
type doorFlags struct {
	listen, admin string
	proxyProtocol []string
	handover      string
	tls           tlsFlags
}

func (f *doorFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.listen, "listen", ":8080", "where requests come in: HTTP/1.1, and HTTP/2 without TLS for clients that know")
	fs.StringVar(&f.admin, "admin", ":8081", "where the page, the admin API and the metrics are")
	f.tls.flags(fs)
	fs.StringSliceVar(&f.proxyProtocol, "proxy-protocol-from", nil, "networks of load balancers that begin each connection with a PROXY protocol header (default none)")
	fs.StringVar(&f.handover, "handover", "", "Unix socket at which a router takes over the sockets of the one that runs, and offers them to the next (default none)")
}

// doors are a router's open listeners.
type doors struct {
	listeners  *router.Listeners
	proxy      net.Listener
	https      *router.HTTPS // nil for none
	admin      net.Listener
	succession *router.Succession // nil without a hand-over
}

// open opens the listeners, or takes them over.
func (f *doorFlags) open(ctx context.Context, log hclog.Logger) (_ *doors, err error) {
	from, err := networks("proxy-protocol-from", f.proxyProtocol)
	if err != nil {
		return nil, err
	}
	certificates, err := f.tls.certificates(log.Named("tls"))
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(f.listen) // what can't be split is refused below
	d := &doors{listeners: &router.Listeners{Host: host, ProxyHeaders: edge.ProxyHeaders{From: from}}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if f.handover != "" {
		if d.listeners.From, err = takeOver(ctx, f.handover, log); err != nil {
			return nil, err
		}
		d.succession = &router.Succession{Path: f.handover, Listeners: d.listeners}
	}
	if d.proxy, err = d.listeners.Clients(ctx, "proxy", f.listen); err != nil {
		return nil, fmt.Errorf("for requests (--listen): %w", err)
	}
	if d.admin, err = d.listeners.Admin(ctx, f.admin); err != nil {
		return nil, fmt.Errorf("for the admin API (--admin): %w", err)
	}
	if certificates == nil {
		return d, nil
	}
	listener, err := d.listeners.Clients(ctx, "https", f.tls.listen)
	if err != nil {
		return nil, fmt.Errorf("for HTTPS (--tls-listen): %w", err)
	}
	d.https = &router.HTTPS{Listener: listener, Certificates: certificates}
	return d, nil
}

// takeOver answers the sockets of the router that runs, nil if none does.
func takeOver(ctx context.Context, path string, log hclog.Logger) (*edge.Handover, error) {
	from, err := edge.TakeOver(ctx, path)
	switch {
	case errors.Is(err, edge.ErrNobody):
		return nil, nil
	case err != nil:
		return nil, err
	}
	log.Info("taking over from the router that runs, which serves until this one is ready", "path", path)
	return from, nil
}

// close closes what is still open, and leaves what was not taken over to the
// router that has it.
func (d *doors) close() {
	d.listeners.From.Abandon()
	for _, l := range d.listeners.Open() {
		_ = l.Close() // it is not used any more
	}
}
