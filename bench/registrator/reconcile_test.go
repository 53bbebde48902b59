// Package registrator measures the registrator on a host with a thousand
// containers, through the real adapters.
package registrator

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/consul"
	"teal/docker"
	"teal/registrator"
)

// BenchmarkReconcileUnchanged looks at a thousand containers that are all
// registered as they should be. It reports the CPU that this process uses for
// one look, what it holds in memory at its peak, and the writes to Consul.
func BenchmarkReconcileUnchanged(b *testing.B) {
	f := startFleet(b)
	engine, err := docker.New(f.docker)
	require.NoError(b, err)
	b.Cleanup(func() { _ = engine.Close() })
	store, err := consul.New(consul.Options{Address: f.consul})
	require.NoError(b, err)
	agent, err := registrator.New(registrator.Config{
		Options: registrator.Options{Owner: "bench", Address: "10.0.0.1"},
		Runtime: engine, Signals: engine, Registry: store, Drains: store.DrainsOf("bench"), Interval: time.Hour,
	})
	require.NoError(b, err)
	changes, err := engine.Changes(b.Context())
	require.NoError(b, err)
	go func() {
		for range changes {
		}
	}()
	require.NoError(b, agent.Once(b.Context()), "register all of them")
	require.NoError(b, agent.Once(b.Context()))
	require.Equal(b, count, agent.Status().Registered)
	require.Empty(b, agent.Status().Problems)
	writes := get(b, f.writes)

	runtime.GC()
	before := cpu(b)
	rounds := 0
	for b.Loop() {
		require.NoError(b, agent.Once(b.Context()))
		rounds++
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(rounds)/float64(time.Millisecond), "cpu-ms/op")
	b.ReportMetric(memory(b, "VmHWM"), "peak-MB")
	b.ReportMetric(heap(), "heap-MB")
	require.Equal(b, writes, get(b, f.writes), "an unchanged world is written")
	b.ReportMetric(0, "writes/op")
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// memory is a line of what the kernel tells of this process, in megabytes.
func memory(b *testing.B, line string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	for l := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(l, line+":"); found {
			kB, err := strconv.Atoi(strings.Fields(value)[0])
			require.NoError(b, err)
			return float64(kB) / 1024
		}
	}
	require.Fail(b, "the kernel does not tell "+line)
	return 0
}

// heap is what is in use when nothing is left to collect, in megabytes.
func heap() float64 {
	debug.FreeOSMemory()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapInuse) / (1 << 20)
}
