package process

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func write(t *testing.T, l *lines, text string) {
	t.Helper()
	n, err := l.Write([]byte(text))
	require.NoError(t, err)
	require.Equal(t, len(text), n)
}

func TestLinesKeepTheLast(t *testing.T) {
	l := newLines(3)
	require.Empty(t, l.last(10))
	write(t, l, "a\nb")
	require.Equal(t, "a\nb\n", l.last(10))
	write(t, l, "b\nc\nd\ne\n")
	require.Equal(t, "c\nd\ne\n", l.last(10))
	require.Equal(t, "e\n", l.last(1))
	require.Empty(t, l.last(0))
	require.Empty(t, l.last(-1))
	for i := range 100 {
		write(t, l, fmt.Sprintln(i))
	}
	require.Equal(t, "97\n98\n99\n", l.last(10))
}

func TestALineWithoutEndIsBounded(t *testing.T) {
	l := newLines(2)
	for range 100 {
		write(t, l, strings.Repeat("x", 1000))
	}
	require.Less(t, len(l.last(10)), 3*maxLine+10)
	require.LessOrEqual(t, len(l.partial), maxLine)
}

func TestLinesAreFollowed(t *testing.T) {
	follow := func(ctx context.Context, l *lines, n int, ended chan struct{}) (*strings.Builder, chan error) {
		out, done := &strings.Builder{}, make(chan error, 1)
		go func() { done <- l.follow(ctx, n, ended, out) }()
		return out, done
	}
	for n, want := range map[int]string{-1: "b\nc\nd", 0: "d", 1: "d", 2: "c\nd", 9: "b\nc\nd"} {
		synctest.Test(t, func(t *testing.T) {
			l, ended := newLines(2), make(chan struct{})
			write(t, l, "a\nb\nc\nd")
			out, done := follow(t.Context(), l, n, ended)
			synctest.Wait()
			write(t, l, "dd\n")
			synctest.Wait()
			require.Equal(t, want+"dd\n", out.String(), n)
			write(t, l, "e\nf\ng\nh") // more than are kept at once
			synctest.Wait()
			require.Equal(t, want+"dd\nf\ng\n", out.String(), n)
			close(ended)
			require.NoError(t, <-done)
			require.Equal(t, want+"dd\nf\ng\nh\n", out.String(), n)
		})
	}
}

func TestRestarts(t *testing.T) {
	for _, test := range []struct {
		policy string
		code   int
		want   bool
	}{
		{"", 1, false},
		{"no", 1, false},
		{"always", 0, true},
		{"unless-stopped", 1, true},
		{"on-failure", 0, false},
		{"on-failure", 1, true},
		{"on-failure:0", 1, true},
	} {
		var r restarts
		_, again := r.next(test.policy, test.code, time.Second)
		require.Equal(t, test.want, again, "%s after %d", test.policy, test.code)
	}
}

func TestRestartsSlowDown(t *testing.T) {
	var r restarts
	var delays []time.Duration
	for range 12 {
		d, again := r.next("always", 1, time.Second)
		require.True(t, again)
		delays = append(delays, d)
	}
	require.Equal(t, []time.Duration{firstDelay, 2 * firstDelay, 4 * firstDelay}, delays[:3])
	require.Equal(t, lastDelay, delays[11])
	d, _ := r.next("always", 1, goodRun)
	require.Equal(t, firstDelay, d, "a good run is forgiven")

	var limited restarts
	for range 2 {
		_, again := limited.next("on-failure:2", 1, 0)
		require.True(t, again)
	}
	_, again := limited.next("on-failure:2", 1, 0)
	require.False(t, again)
}

func TestCommandLine(t *testing.T) {
	i := Image{Command: []string{"teal", "demo"}}
	require.Equal(t, []string{"teal", "demo"}, i.commandLine(catalog.ContainerSpec{}))
	require.Equal(t, []string{"teal", "demo", "-x"}, i.commandLine(catalog.ContainerSpec{Command: []string{"-x"}}))
	require.Equal(t, []string{"sh", "-c"}, i.commandLine(catalog.ContainerSpec{Entrypoint: []string{"sh"}, Command: []string{"-c"}}))
	require.Equal(t, []string{"teal", "demo"}, i.Command)
	require.NotEqual(t, i.digest(), Image{Command: []string{"teal demo"}}.digest())
}
