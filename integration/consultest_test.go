//go:build integration

package integration

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/consul/consultest"
)

// parentEnv makes a run of this binary start an agent and wait to be killed.
const parentEnv = "TEAL_CONSULTEST_PARENT"

func TestRestartForgetsWithoutDataDir(t *testing.T) {
	agent := consultest.Start(t)
	addr := agent.Addr
	putKey(t, agent)
	agent.Restart()
	require.Equal(t, addr, agent.Addr)
	require.False(t, hasKey(t, agent))
}

func TestRestartKeepsDataDir(t *testing.T) {
	agent := consultest.Start(t, consultest.DataDir(t.TempDir()))
	putKey(t, agent)
	agent.Restart()
	require.True(t, hasKey(t, agent))
	agent.Kill()
	_, err := agent.Client().Status().Leader()
	require.Error(t, err)
	agent.Restart()
	require.True(t, hasKey(t, agent), "also after a crash")
	agent.RestartWiped()
	require.False(t, hasKey(t, agent))
}

func TestStopTwice(t *testing.T) {
	agent := consultest.Start(t)
	agent.Stop()
	agent.Stop()
	agent.Kill()
}

func putKey(t *testing.T, agent *consultest.Agent) {
	t.Helper()
	_, err := agent.Client().KV().Put(&api.KVPair{Key: "a", Value: []byte("x")}, nil)
	require.NoError(t, err)
	require.True(t, hasKey(t, agent))
}

func hasKey(t *testing.T, agent *consultest.Agent) bool {
	t.Helper()
	pair, _, err := agent.Client().KV().Get("a", nil)
	require.NoError(t, err)
	return pair != nil
}

// TestAgentDiesWithItsTest kills a test process that has started an agent.
func TestAgentDiesWithItsTest(t *testing.T) {
	parent := exec.Command(os.Args[0], "-test.run=^TestParent$", "-test.v")
	parent.Env = append(os.Environ(), parentEnv+"=1")
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	defer parent.Process.Kill()

	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), parentEnv+" "); found {
			pid, err = strconv.Atoi(text)
			require.NoError(t, err)
		}
	}
	require.NotZero(t, pid)
	require.NoError(t, syscall.Kill(pid, 0), "it runs")
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, 10*time.Second, 20*time.Millisecond)
}

// TestParent is the process that TestAgentDiesWithItsTest kills. By itself it
// has nothing to do.
func TestParent(t *testing.T) {
	if os.Getenv(parentEnv) == "" {
		return
	}
	agent := consultest.Start(t)
	fmt.Printf("%s %d\n", parentEnv, agent.Pid())
	select {}
}
