package registrator

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/catalog"
)

// DefaultHostInterval is between two looks at the host itself, which changes
// seldom.
const DefaultHostInterval = time.Minute

// Machine tells what a host is.
type Machine interface {
	Info(ctx context.Context) (catalog.Machine, error)
}

// HostRegistry is where hosts are recorded.
type HostRegistry interface {
	// PutHost records what a host is; a record that says nothing new is no write.
	PutHost(ctx context.Context, h catalog.HostRecord) error
}

// HostConfig is what a Host is made of. Record.Node, Machine and Registry are
// needed.
type HostConfig struct {
	// Record is what is known of the host beforehand. Cores, memory, disk and the
	// engine's version are filled in as its machine tells them.
	Record   catalog.HostRecord
	Machine  Machine
	Registry HostRegistry
	// Free tells how many bytes are free where the engine keeps its data, which is
	// what the machine calls its root. Nil when this program can't see that place.
	Free     func(root string) (int64, error)
	Interval time.Duration // 0 for DefaultHostInterval
	Timeout  time.Duration // of one call; 0 for DefaultTimeout
	Now      func() time.Time
	Logger   hclog.Logger
}

// Host keeps the record of one host like the host. It is for one goroutine.
type Host struct {
	conf   HostConfig
	failed string // the last failure that was logged; empty after a success
	free   int64  // as it was told last
}

// NewHost is a host that does nothing yet.
func NewHost(config HostConfig) *Host {
	config.Interval = orDefault(config.Interval, DefaultHostInterval)
	config.Timeout = orDefault(config.Timeout, DefaultTimeout)
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = hclog.NewNullLogger()
	}
	return &Host{conf: config}
}

// Run records the host, and again when it changes or the record is lost, until
// ctx ends; then it answers nil. The record stays, as the host does.
func (h *Host) Run(ctx context.Context) error {
	var failures backoff
	for ctx.Err() == nil {
		wait := jitter(h.conf.Interval)
		err := h.once(ctx)
		if ctx.Err() != nil {
			break
		}
		if h.tell(err); err != nil {
			wait = min(wait, failures.next())
		} else {
			failures.reset()
		}
		sleep(ctx, wait)
	}
	return nil
}

func (h *Host) once(ctx context.Context) error {
	machine, err := within(ctx, h.conf.Timeout, h.conf.Machine.Info)
	if err != nil {
		return fmt.Errorf("learn what the host is: %w", err)
	}
	record := h.conf.Record
	record.Cores, record.Memory, record.Docker, record.Engine = machine.Cores, machine.Memory, machine.Docker, machine.Engine
	record.DiskFree = h.diskFree(machine.Root)
	record.At = h.conf.Now().UTC().Truncate(time.Second)
	ctx, cancel := context.WithTimeout(ctx, h.conf.Timeout)
	defer cancel()
	return h.conf.Registry.PutHost(ctx, record)
}

// diskFree is what to say of the disk; 0 while it can't be seen, which hinders
// nothing.
func (h *Host) diskFree(root string) int64 {
	if h.conf.Free == nil {
		return 0
	}
	now, err := h.conf.Free(root)
	if err != nil {
		h.free = 0
		return 0
	}
	h.free = diskToTell(h.free, now)
	return h.free
}

// tell logs a failure once, and its end.
func (h *Host) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text == h.failed:
		return
	case err != nil:
		h.conf.Logger.Warn("the host's record is not up to date; trying again", "error", err)
	default:
		h.conf.Logger.Info("the host's record is up to date again")
	}
	h.failed = text
}
