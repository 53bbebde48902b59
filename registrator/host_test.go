package registrator

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

// fakeMachine is a machine and the place its record is kept.
type fakeMachine struct {
	mu      sync.Mutex
	machine catalog.Machine
	infoErr error
	putErr  error
	records []catalog.HostRecord
}

func (f *fakeMachine) Info(context.Context) (catalog.Machine, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.machine, f.infoErr
}

func (f *fakeMachine) PutHost(_ context.Context, h catalog.HostRecord) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.putErr != nil {
		return f.putErr
	}
	if n := len(f.records); n == 0 || !f.records[n-1].Same(h) {
		f.records = append(f.records, h)
	}
	return nil
}

func (f *fakeMachine) set(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

func TestTheHostRecordFollowsTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeMachine{machine: catalog.Machine{Cores: 2, Memory: 1 << 30, Docker: "28"}, infoErr: errFault}
		var log bytes.Buffer
		h := NewHost(HostConfig{
			Record:  catalog.HostRecord{Node: "n1", Endpoint: "unix:///d.sock", Labels: map[string]string{"zone": "a"}, Registrator: "1"},
			Machine: f, Registry: f, Logger: hclog.New(&hclog.LoggerOptions{Output: &log}),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		time.Sleep(time.Hour)
		f.set(func() { f.infoErr, f.putErr = nil, errFault })
		time.Sleep(time.Hour)
		f.set(func() { require.Empty(t, f.records); f.putErr = nil })
		time.Sleep(time.Minute)
		f.set(func() {
			require.Len(t, f.records, 1)
			require.WithinDuration(t, time.Now(), f.records[0].At, time.Minute)
			f.records[0].At = time.Time{}
			require.Equal(t, catalog.HostRecord{
				Node: "n1", Endpoint: "unix:///d.sock", Labels: map[string]string{"zone": "a"}, Registrator: "1",
				Cores: 2, Memory: 1 << 30, Docker: "28",
			}, f.records[0])
		})
		time.Sleep(time.Hour)
		f.set(func() { require.Len(t, f.records, 1); f.machine.Docker = "29" })
		time.Sleep(2 * time.Minute)
		f.set(func() { require.Len(t, f.records, 2); require.Equal(t, "29", f.records[1].Docker) })
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, 2, strings.Count(log.String(), "not up to date"), "each failure is told once:\n%s", log.String())
		require.Equal(t, 1, strings.Count(log.String(), "up to date again"))
	})
}

func TestTheHostRecordFollowsTheDiskFromAfar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeMachine{machine: catalog.Machine{Cores: 2, Root: "/data"}}
		free, unseen := int64(1000), error(nil)
		h := NewHost(HostConfig{
			Record: catalog.HostRecord{Node: "n1"}, Machine: f, Registry: f,
			Free: func(root string) (int64, error) {
				f.mu.Lock()
				defer f.mu.Unlock()
				require.Equal(t, "/data", root)
				free-- // somebody always writes something
				return free, unseen
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.Run(ctx) }()
		told := func() (all []int64) {
			time.Sleep(10 * time.Minute)
			f.set(func() {
				for _, r := range f.records {
					all = append(all, r.DiskFree)
				}
			})
			return all
		}
		require.Equal(t, []int64{999}, told())
		f.set(func() { free = 801 })
		require.Equal(t, []int64{999, 800}, told())
		f.set(func() { unseen = errFault })
		require.Equal(t, []int64{999, 800, 0}, told())
		cancel()
		require.NoError(t, <-done)
	})
}
