// Package registrator measures the registrator on a host with a thousand
// containers, through the real adapters.
package registrator

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	b.ReportMetric(memory(b, "/proc/self/", "VmHWM"), "peak-MB")
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

// memory is a line of what the kernel tells of a process, in megabytes.
func memory(b *testing.B, process, line string) float64 {
	text, err := os.ReadFile(process + "status")
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

// BenchmarkProcess runs `teal registrator` itself on a thousand containers that
// do not change, looking once a second, and reports what the kernel says of the
// process.
func BenchmarkProcess(b *testing.B) {
	f := startFleet(b)
	binary := filepath.Join(b.TempDir(), "teal")
	out, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "teal/cmd/teal").CombinedOutput()
	require.NoError(b, err, "%s", out)
	cmd := exec.Command(binary, "registrator", "--docker", f.docker, "--consul", f.consul, "--owner", "bench", "--ip", "10.0.0.1", "--interval", "1s", "--listen", "")
	cmd.Stderr = os.Stderr
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	writes := settle(b, f)

	const looks = 10
	process := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	for b.Loop() {
		before := processCPU(b, process)
		time.Sleep(looks * time.Second)
		b.ReportMetric(float64(processCPU(b, process)-before)/float64(time.Millisecond)/looks, "cpu-ms/look")
	}
	b.ReportMetric(memory(b, process, "VmRSS"), "rss-MB")
	b.ReportMetric(memory(b, process, "VmHWM"), "peak-MB")
	b.ReportMetric(memory(b, process, "RssAnon"), "anon-MB")
	require.Equal(b, writes, get(b, f.writes), "an unchanged world is written")
}

// settle waits until nothing has been written for a while, and answers how much
// was.
func settle(b *testing.B, f fleet) string {
	last := ""
	for range 60 {
		time.Sleep(2 * time.Second)
		now := get(b, f.writes)
		if n, err := strconv.Atoi(now); err == nil && n >= count && now == last {
			return now
		}
		last = now
	}
	require.Fail(b, "the registrator does not come to rest", "%s writes", last)
	return ""
}

// processCPU is what a process has used, in the kernel's ticks of 10 ms.
func processCPU(b *testing.B, process string) time.Duration {
	text, err := os.ReadFile(process + "stat")
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on: state, ppid, …
	user, err := strconv.Atoi(fields[11])
	require.NoError(b, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
