package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/pflag"

	"teal/catalog"
	"teal/consul"
	"teal/deployer"
	"teal/deployer/hosts"
	"teal/dev"
	"teal/docker"
	"teal/fleet"
	"teal/registry"
)

// globals are the flags of every command.
type globals struct {
	consul   string
	prefix   string
	logLevel string
	logJSON  bool
}

func (g *globals) flags(f *pflag.FlagSet) {
	f.StringVar(&g.consul, "consul", "", "address of the Consul agent (default CONSUL_HTTP_ADDR, else 127.0.0.1:8500)")
	f.StringVar(&g.prefix, "prefix", catalog.DefaultPrefix, "folder of Teal's keys in Consul's key-value store")
	f.StringVar(&g.logLevel, "log-level", "", "trace, debug, info, warn or error")
	f.BoolVar(&g.logJSON, "log-json", false, "write the log as JSON")
}

// fromEnvironment gives flags that are not on the command line the value of
// their variable: --admin-url is TEAL_ADMIN_URL. --help and --version have none, as
// they ask for another command: TEAL_VERSION is what git calls what is checked out.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == "version" {
			return
		}
		name := "TEAL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := lookup(name)
		if !ok || value == "" || f.Changed || err != nil { // empty is what Compose makes of unset
			return
		}
		if e := flags.Set(f.Name, value); e != nil {
			err = usageError{fmt.Errorf("the variable %s: %w", name, e)}
		}
	})
	return err
}

// logger writes to standard error, from the given level on unless a flag says
// otherwise: daemons tell what changes, commands only what is wrong.
func (g *globals) logger(usual hclog.Level) (hclog.Logger, error) {
	level := usual
	if g.logLevel != "" {
		level = hclog.LevelFromString(g.logLevel)
		if level == hclog.NoLevel {
			return nil, usageError{fmt.Errorf("unknown --log-level %q; it is trace, debug, info, warn or error", g.logLevel)}
		}
	}
	return hclog.New(&hclog.LoggerOptions{
		Name: "teal", Level: level, Output: os.Stderr, JSONFormat: g.logJSON,
		Color: hclog.AutoColor, ColorHeaderOnly: true,
	}), nil
}

func (g *globals) store(log hclog.Logger) (*consul.Store, error) { return g.watchingStore(log, 0) }

// watchingStore is a store with a watch budget of its own, 0 for the usual one.
func (g *globals) watchingStore(log hclog.Logger, budget int) (*consul.Store, error) {
	return consul.New(consul.Options{Address: g.consul, Prefix: g.prefix, Logger: log, WatchBudget: budget})
}

// deployer makes a deployer on the real parts. It logs nothing unless asked to:
// what happens is on the screen already.
func (g *globals) deployer(progress func(deployer.Event)) (*deployer.Deployer, error) {
	return g.deployerFor(progress, false)
}

// deployerFor is one that only tells what people would do by hand, where dry.
func (g *globals) deployerFor(progress func(deployer.Event), dry bool) (*deployer.Deployer, error) {
	log, err := g.logger(hclog.Off)
	if err != nil {
		return nil, err
	}
	store, err := g.store(log)
	if err != nil {
		return nil, err
	}
	return deployer.New(deployer.Options{
		Store: store, Connect: connectDocker, Fleet: fleet.NewClient(log), Registry: registry.New(),
		Progress: progress, By: dev.By(), Logger: log, DryRun: dry,
	}), nil
}

func connectDocker(endpoint string) (hosts.Host, error) {
	if strings.HasPrefix(endpoint, dev.Scheme) {
		return nil, usageError{fmt.Errorf("host %s belongs to `teal demo` and `teal dev`; name a Docker engine, such as unix:///var/run/docker.sock", endpoint)}
	}
	return docker.New(endpoint)
}
