package process

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"teal/catalog"
)

// The defaults of Options.
const (
	DefaultLogLines = 1000
	DefaultGrace    = 5 * time.Second
)

// Image is what a process is started from.
type Image struct {
	Command []string          // the command line, which a container's own command follows
	Env     map[string]string // variables that a container's own replace
}

// Options are the settings of a Platform. Only Images is needed.
type Options struct {
	Images   map[string]Image // by reference, such as "demo:v1"
	LogLines int              // kept of each process; 0 for DefaultLogLines
	// Grace is how long a process without its own stop grace may take to end when
	// the platform does; 0 for DefaultGrace.
	Grace  time.Duration
	Now    func() time.Time // nil for time.Now
	Logger hclog.Logger     // nil for none
}

// Platform runs local processes as if they were containers. Processes can be
// created at any time and run while Run does. All methods may be called from any
// goroutine.
type Platform struct {
	opt     Options
	spawner *spawner

	mu       sync.Mutex
	ended    bool // Run is over; nothing starts any more
	procs    map[string]*process
	networks map[string]map[string]string // labels by name
	watchers map[*watcher]struct{}
	removed  map[string]bool // images that were removed and not pulled again
	keepers  sync.WaitGroup  // the goroutines that look after running processes
}

// New is a platform without processes. It starts nothing.
func New(opt Options) *Platform {
	if opt.LogLines <= 0 {
		opt.LogLines = DefaultLogLines
	}
	if opt.Grace <= 0 {
		opt.Grace = DefaultGrace
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = hclog.NewNullLogger()
	}
	return &Platform{
		opt: opt, spawner: newSpawner(),
		procs: map[string]*process{}, networks: map[string]map[string]string{}, watchers: map[*watcher]struct{}{},
		removed: map[string]bool{},
	}
}

// Run lets processes run until ctx ends. It then ends them all, waits for them
// and answers nil. A platform runs once.
func (p *Platform) Run(ctx context.Context) error {
	stopSpawner := p.spawner.start()
	defer stopSpawner()
	<-ctx.Done()
	p.endAll()
	p.keepers.Wait()
	p.removeFiles()
	return nil
}

func (p *Platform) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for _, proc := range p.procs {
		if proc.run != nil {
			proc.run.stop(proc.grace(p.opt.Grace))
		}
	}
	for w := range p.watchers {
		p.dropWatcher(w)
	}
}

// removeFiles takes the files of all processes away, which have ended.
func (p *Platform) removeFiles() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, proc := range p.procs {
		proc.files.remove()
	}
}

// Name tells people what this host is.
func (p *Platform) Name() string { return "local processes" }

// Ping fails once the platform has ended.
func (p *Platform) Ping(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return errEnded
	}
	return ctx.Err()
}

// EnsureNetwork notes a network's name.
func (p *Platform) EnsureNetwork(_ context.Context, name string, labels map[string]string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.networks[name]; !ok {
		p.networks[name] = maps.Clone(labels)
	}
	return nil
}

// RemoveNetwork forgets a network; one that is missing is fine. It refuses while
// processes belong to it, stopped ones too.
func (p *Platform) RemoveNetwork(_ context.Context, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var users []string
	for _, proc := range p.procs {
		if slices.Contains(proc.networks(), name) {
			users = append(users, proc.name)
		}
	}
	if len(users) > 0 {
		slices.Sort(users)
		return fmt.Errorf("remove network %s: it is still used by %s; remove those first", name, strings.Join(users, ", "))
	}
	delete(p.networks, name)
	return nil
}

// Containers lists all processes, running or not, by name.
func (p *Platform) Containers(ctx context.Context) ([]catalog.Container, error) {
	return p.List(ctx, nil)
}

// List lists the processes, running or not, that have all the labels, by name.
func (p *Platform) List(_ context.Context, labels map[string]string) ([]catalog.Container, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []catalog.Container
	for _, proc := range p.procs {
		if proc.has(labels) {
			all = append(all, proc.container())
		}
	}
	slices.SortFunc(all, func(a, b catalog.Container) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
