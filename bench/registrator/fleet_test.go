package registrator

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/dev/store"
)

// What a real engine answers for one container, with the container's name, id
// and port left open.
var (
	//go:embed testdata/list.json
	listed string
	//go:embed testdata/inspect.json
	inspected string
)

// count is how many containers the host has.
const count = 1000

// fleetVariable makes a run of this binary serve a Docker API and a Consul API
// until it is killed, so that their work is not taken for the registrator's. Its
// value is the folder of the Docker socket.
const fleetVariable = "TEAL_BENCH_FLEET"

// fleet is a host with many containers, in a process of its own.
type fleet struct {
	docker string // endpoint
	consul string // host:port
	writes string // URL that tells how many requests have changed something in Consul
}

func startFleet(b testing.TB) fleet {
	b.Helper()
	dir, err := os.MkdirTemp("", "teal-bench-")
	require.NoError(b, err)
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	cmd := exec.Command(os.Args[0], "-test.run=^TestFleet$")
	cmd.Env = append(os.Environ(), fleetVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(b, err)
	in, err := cmd.StdinPipe() // its end is how the process learns of ours
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	b.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	addr, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	addr = strings.TrimSpace(addr)
	return fleet{docker: "unix://" + filepath.Join(dir, "docker.sock"), consul: addr, writes: "http://" + addr + "/writes"}
}

// TestFleet is the fleet's process. By itself it has nothing to do.
func TestFleet(t *testing.T) {
	dir := os.Getenv(fleetVariable)
	if dir == "" {
		return
	}
	engine, err := net.Listen("unix", filepath.Join(dir, "docker.sock"))
	require.NoError(t, err)
	agent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	consul := store.New(store.Options{NodeName: "bench"})
	go func() { _ = consul.Run(t.Context()) }()
	go func() { _ = http.Serve(engine, engineAPI()) }()
	go func() { _ = http.Serve(agent, counted(consul.Handler())) }()
	fmt.Println(agent.Addr())
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

// engineAPI is as much of a Docker engine as the registrator asks.
func engineAPI() http.Handler {
	mux := http.NewServeMux()
	var list []string
	for i := range count {
		list = append(list, strings.TrimSpace(fill(listed, i)))
		body := fill(inspected, i)
		mux.HandleFunc("/v1.41/containers/"+containerID(i)+"/json", says(body))
	}
	for _, version := range []string{"", "/v1.41"} {
		mux.HandleFunc(version+"/containers/json", says("["+strings.Join(list, ",")+"]"))
	}
	mux.HandleFunc("/v1.41/events", func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done() // nothing happens
	})
	mux.HandleFunc("/_ping", says("OK"))
	mux.HandleFunc("/v1.41/_ping", says("OK"))
	return mux
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text))
	}
}

func fill(template string, i int) string {
	id := containerID(i)
	return strings.NewReplacer("@ID@", id, "@SHORT@", id[:12], "@NAME@", fmt.Sprintf("web-%d", i), "@PORT@", fmt.Sprint(20000+i)).Replace(template)
}

func containerID(i int) string { return fmt.Sprintf("%012x%052d", i, 0) }

// counted counts the requests that change something.
func counted(next http.Handler) http.Handler {
	var writes atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/writes":
			fmt.Fprint(w, writes.Load())
			return
		case r.Method != http.MethodGet:
			writes.Add(1)
		}
		next.ServeHTTP(w, r)
	})
}

// get is the text at a URL.
func get(b testing.TB, url string) string {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(b, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b, err)
	defer resp.Body.Close()
	text, err := bufio.NewReader(resp.Body).ReadString(0)
	require.NotEmpty(b, text, err)
	return text
}
