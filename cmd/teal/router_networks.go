package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"

	"teal/router"
)

// networkFlags say who may do what.
type networkFlags struct {
	preview, flipFrom, debug, trusted []string
}

func (f *networkFlags) flags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.preview, "preview", nil, "networks that may see targets no alias points at, or none (default loopback and private)")
	fs.StringSliceVar(&f.flipFrom, "flip-from", nil, "networks that may flip through the admin API, or none (default loopback)")
	fs.StringSliceVar(&f.debug, "debug-header", nil, "networks that are told by X-Teal-* headers which instance answered (default none)")
	fs.StringSliceVar(&f.trusted, "trusted-proxies", nil, "networks whose X-Forwarded-* headers are believed (default none)")
}

func (f *networkFlags) fill(opt *router.Options) error {
	for _, each := range []struct {
		flag  string
		texts []string
		into  *[]netip.Prefix
	}{
		{"preview", f.preview, &opt.Preview},
		{"flip-from", f.flipFrom, &opt.FlipFrom},
		{"debug-header", f.debug, &opt.Debug},
		{"trusted-proxies", f.trusted, &opt.TrustedProxies},
	} {
		var err error
		if *each.into, err = networks(each.flag, each.texts); err != nil {
			return err
		}
	}
	return nil
}

func networks(flag string, texts []string) ([]netip.Prefix, error) {
	list, err := router.ParseNetworks(texts)
	if err != nil {
		return nil, usageError{fmt.Errorf("--%s: %w", flag, err)}
	}
	return list, nil
}

// tcpFlags are about plain TCP services.
type tcpFlags struct {
	ports []string
	idle  time.Duration
}

func (f *tcpFlags) flags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&f.ports, "tcp-ports", nil, "ports that TCP services may have opened here, such as 5432,15000-15999 (default none)")
	fs.DurationVar(&f.idle, "tcp-idle", 0, "after how long TCP connections that carry nothing are closed (default never)")
}

func (f *tcpFlags) fill(opt *router.Options) (err error) {
	if opt.TCPPorts, err = router.ParsePorts(f.ports); err != nil {
		return usageError{fmt.Errorf("--tcp-ports: %w", err)}
	}
	opt.TCPIdle = f.idle
	return nil
}
