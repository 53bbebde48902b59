package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

func TestWatchedStatusIsWrittenWhenItChanges(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	looks := 0
	var out bytes.Buffer
	err := watchStatus(ctx, &out, time.Millisecond, func(w io.Writer) error {
		looks++
		switch looks {
		case 1, 2:
			fmt.Fprintln(w, "blue")
		case 3:
			fmt.Fprint(w, "half a ")
			return errors.New("it is away")
		case 4:
			fmt.Fprintln(w, "green")
		default:
			cancel()
			return ctx.Err()
		}
		return nil
	})
	require.NoError(t, err, "Ctrl-C is how it ends")
	require.Regexp(t, `^blue\n\n--- [0-9:]{8}\nit can't be read now: it is away\n\n--- [0-9:]{8}\ngreen\n$`, out.String())

	err = watchStatus(t.Context(), &out, time.Hour, func(io.Writer) error { return errors.New("no such service") })
	require.ErrorContains(t, err, "no such service", "what can't be read at first is an error")
}

func TestWatchedStatusIsDrawnOverTheOneBefore(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, showStatus(&out, "one\ntwo\n", "", true, true))
	require.NoError(t, showStatus(&out, "three\n", "one\ntwo\n", true, false))
	require.Equal(t, "\x1b[H\x1b[2Jone\ntwo\n\x1b[Hthree\x1b[K\n\x1b[J", out.String())
}

func TestStatusNamesWhatIsKept(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, printStatus(&out, deployer.Status{Service: "web", Kept: []deployer.KeptRelease{
		{Environment: "production", Release: "1.4.0", Deployment: "d1", Hosts: []string{"ssh://one", "ssh://two"}},
	}}))
	require.Regexp(t, `KEPT +ENVIRONMENT +DEPLOYMENT +ON\n1\.4\.0 +production +d1 +ssh://one, ssh://two\n`, out.String())
}

func TestStatusNamesTheHostsThatWereLeftOut(t *testing.T) {
	var out bytes.Buffer
	green := catalog.Target{Colour: catalog.Green, Environment: "production"}
	require.NoError(t, printStatus(&out, deployer.Status{Service: "web", Targets: []deployer.TargetStatus{
		{Target: green, Release: &catalog.Release{ID: "1.4.0"}, Holds: deployer.HoldsLive, Missed: []string{"ssh://one"}},
	}}))
	require.Contains(t, out.String(), "\nrelease 1.4.0, live as green-production, is not on ssh://one: it did not answer")
}

func TestLogLinesSayWhereTheyComeFrom(t *testing.T) {
	require.Equal(t, "web-1/web-blue-1 | hello", logWords(deployer.LogLine{Host: "ssh://web-1", Container: "web-blue-1", Text: "hello"}))
}

func TestLogsAndRollbackOfWhatIsNotThere(t *testing.T) {
	s := newShop(t)
	for line, want := range map[string]struct {
		code int
		said string
	}{
		"logs api":                        {exitError, "no service api is known"},
		"logs web --target blue-":         {exitUsage, "the environment has no name"},
		"logs web --lines -1":             {exitUsage, "--lines -1"},
		"rollback web 9.9.9":              {exitStuck, "9.9.9"},
		"rollback web 9.9.9 another":      {exitUsage, "accepts between 1 and 2 arg(s)"},
		"rollback web 9.9.9 -e nowhere":   {exitStuck, "9.9.9"},
		"prune web --keep 1 --images":     {exitDone, "removed nothing"},
		"status api -w":                   {exitError, "no service api is known"},
		"rollback web --wait=never 9.9.9": {exitUsage, "never"},
	} {
		code, said := s.teal(line)
		require.Equal(t, want.code, code, "%s: %s", line, said)
		require.Contains(t, said, want.said, line)
	}
	require.Equal(t, exitStuck, exitCode(&deployer.Failure{Outcome: catalog.RollbackFailed, BeforeFlip: true}))
}
