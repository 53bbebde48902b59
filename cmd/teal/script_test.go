package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"teal": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScripts holds the command line to testdata/script: what it says and the
// code it ends with.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"daemon": daemon},
	})
}

// patience is how long a daemon may take to speak, and to end.
const patience = time.Minute

// daemon PATTERN COMMAND... runs a command until its standard error holds the
// pattern, then tells it to end, which it must do with 0.
func daemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: daemon PATTERN COMMAND...")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.CommandContext(ctx, path, args[2:]...)
	cmd.Env = append(os.Environ(), "CONSUL_HTTP_ADDR="+ts.Getenv("CONSUL_HTTP_ADDR"))
	out, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	if said, ok := await(out, regexp.MustCompile(args[0])); !ok {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		ts.Fatalf("%v ended, or said nothing like %q:\n%s", args[1:], args[0], said)
	}
	ts.Check(cmd.Process.Signal(syscall.SIGTERM))
	rest, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		ts.Fatalf("%v: %v:\n%s", args[1:], err, rest)
	}
}

// await reads lines until one matches.
func await(out io.ReadCloser, pattern *regexp.Regexp) (string, bool) {
	timer := time.AfterFunc(patience, func() { _ = out.Close() })
	defer timer.Stop()
	var said strings.Builder
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if pattern.MatchString(line) {
			return said.String(), true
		}
		if err != nil {
			return said.String(), false
		}
	}
}
