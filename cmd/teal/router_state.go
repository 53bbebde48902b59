package main

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"teal/router"
	"teal/router/saved"
)

// defaultMaxAge is how old routes may be that a router begins with.
const defaultMaxAge = 24 * time.Hour

// stateFlags are about what a router keeps on disk for a start without Consul.
type stateFlags struct {
	file         string
	maxAge, wait time.Duration
}

func (f *stateFlags) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.file, "state-file", "", "file in which the routes are kept for a start while Consul does not answer (default none)")
	fs.DurationVar(&f.maxAge, "state-max-age", defaultMaxAge, "how old they may be to begin with them; 0 for any age")
	fs.DurationVar(&f.wait, "state-wait", router.DefaultRestoreAfter, "how long a router that starts waits for Consul before it begins with them")
}

// fill has the router save its view, and begin with it where Consul is silent.
// It answers the file, which is to run beside the router; nil for none.
func (f *stateFlags) fill(opt *router.Options, silent bool, log hclog.Logger) (*saved.File, error) {
	if f.file == "" {
		return nil, nil
	}
	if f.wait <= 0 || f.maxAge < 0 {
		return nil, usageError{errors.New("--state-wait must be more than 0, and --state-max-age not less")}
	}
	log = log.Named("state")
	file := &saved.File{Path: f.file, MaxAge: f.maxAge, Now: time.Now, Logger: log}
	after := f.wait
	if silent {
		after = time.Millisecond // it was waited for already
	}
	opt.Save = file.Keep
	opt.Source = &router.Restoring{Source: opt.Source, Load: file.Load, After: after, Logger: log}
	return file, opt.Registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "teal_state_file_timestamp_seconds", Help: "When the routes were written to the state file; 0 while there is none.",
	}, f.written))
}

// written is when the file was written, in seconds since 1970.
func (f *stateFlags) written() float64 {
	info, err := os.Stat(f.file)
	if err != nil {
		return 0
	}
	return float64(info.ModTime().UnixMilli()) / 1000
}

// addressFile is beside the routes: the address that others reach this router at.
func (f *stateFlags) addressFile() string { return f.file + ".address" }

// rememberedAddress is what the agent advertised when it was asked last; empty
// if that is not known.
func (f *stateFlags) rememberedAddress() string {
	if f.file == "" {
		return ""
	}
	text, err := os.ReadFile(f.addressFile())
	if err != nil {
		return ""
	}
	address := strings.TrimSpace(string(text))
	if _, err := netip.ParseAddr(address); err != nil {
		return ""
	}
	return address
}

func (f *stateFlags) rememberAddress(address string, log hclog.Logger) {
	if f.file == "" || f.rememberedAddress() == address {
		return
	}
	if err := renameio.WriteFile(f.addressFile(), []byte(address+"\n"), 0o600); err != nil {
		log.Warn("can't keep the address to advertise, so a start without Consul would wait for it; make the folder writable, or set --advertise",
			"path", f.addressFile(), "error", err)
	}
}
