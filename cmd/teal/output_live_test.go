package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// utf8Style is a terminal without colours.
var utf8Style = styleOf(env("NO_COLOR", "1", "LANG", "en_GB.UTF-8"))

// drawing is a forest as text, in a terminal of a size.
func drawing(f *forest, now time.Time, columns, rows int) string {
	var b strings.Builder
	for _, r := range f.picture(now, rows) {
		b.WriteString(strings.TrimRight(utf8Style.paint(r, columns), " ") + "\n")
	}
	return b.String()
}

// grown is a deployment that is being checked, and the time.
func grown() (*forest, *clock) {
	f, c := &forest{}, newClock()
	f.apply(entered(catalog.Locked, "deploying release 1.4 to green-production of web"), c.now())
	c.pass(100 * time.Millisecond)
	f.apply(entered(catalog.Starting, "starting green-production of web"), c.now())
	for _, host := range []string{"h1", "h10", "h2"} {
		f.apply(stepped(host, "", "pulled web:1.4"), c.now())
		f.apply(stepped(host, "web-2", "started"), c.now())
		f.apply(stepped(host, "web-1", "started"), c.now())
	}
	c.pass(2300 * time.Millisecond)
	f.apply(entered(catalog.Checking, "checking green-production of web"), c.now())
	bad := stepped("h2", "web-2", "HTTP 500")
	bad.Check, bad.Health = "http", catalog.Critical
	f.apply(bad, c.now())
	f.apply(deployer.Event{Kind: deployer.Note, Service: "web", Text: "a note"}, c.now())
	for n := range 6 {
		f.apply(stepped("", "", fmt.Sprintf("%d of 6 instances pass", n)), c.now())
	}
	c.pass(5 * time.Second)
	return f, c
}

func TestPicture(t *testing.T) {
	t.Parallel()
	f, c := grown()
	require.Equal(t, `web: deploying release 1.4 to green-production of web  7s
  ✓ locked               0.1s
  ✓ staging              2.3s
  ● checking               5s  checking green-production of web
    2 of 6 instances pass
    3 of 6 instances pass
    4 of 6 instances pass
    5 of 6 instances pass
  h1  pulled web:1.4
    · web-1  started
    · web-2  started
  h2  pulled web:1.4
    · web-1  started
    ✗ web-2  started
      ✗ http  critical HTTP 500
  h10  pulled web:1.4
    · web-1  started
    · web-2  started
  ! a note
`, drawing(f, c.now(), 80, 0))
}

func TestPictureInALowTerminal(t *testing.T) {
	t.Parallel()
	f, c := grown()
	require.Equal(t, `web: deploying release 1.4 to green-production of web  7s
  ✓ locked, staging
  ● checking               5s  checking green-production of web
    2 of 6 instances pass
    3 of 6 instances pass
    4 of 6 instances pass
    5 of 6 instances pass
  h1  2 containers
  h2  1 container
    ✗ web-2  started
      ✗ http  critical HTTP 500
  h10  2 containers
  ! a note
`, drawing(f, c.now(), 80, 14))
	require.Equal(t, `web: deploying release 1.4 to green-production of web  7s
  ✓ locked, staging
  ● checking               5s  checking green-production of web
... 5 more lines
`, drawing(f, c.now(), 80, 4))
	for rows := 1; rows < 30; rows++ {
		require.LessOrEqual(t, strings.Count(drawing(f, c.now(), 80, rows), "\n"), rows)
	}
}

func TestPictureInANarrowTerminal(t *testing.T) {
	t.Parallel()
	f, c := grown()
	for columns := 1; columns < 90; columns++ {
		for line := range strings.Lines(drawing(f, c.now(), columns, 0)) {
			require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), columns)
		}
	}
}

func TestPictureOfTheEnd(t *testing.T) {
	t.Parallel()
	f, c := grown()
	f.apply(entered(catalog.Failed, "web-2 on h2 exited"), c.now())
	c.pass(time.Hour)
	text := drawing(f, c.now(), 80, 0)
	require.Contains(t, text, "green-production of web  7.4s  failed\n")
	require.Contains(t, text, "  ✗ checking             5.0s  checking green-production of web\n    2 of 6")

	f.apply(entered(catalog.Locked, "deploying again"), c.now())
	require.Len(t, f.trees, 2, "it is another deployment")
	require.Contains(t, drawing(f, c.now(), 80, 0), "web: deploying again  0s\n")
}

func TestPictureOfDeploymentsThatGoTogether(t *testing.T) {
	t.Parallel()
	f, c := &forest{}, newClock()
	shop := entered(catalog.Locked, "deploying shop")
	shop.Service = "shop"
	f.apply(entered(catalog.Locked, "deploying web"), c.now())
	f.apply(shop, c.now())
	f.apply(stepped("h1", "web-1", "started"), c.now())
	require.Equal(t, "web: deploying web  0s\n  ● locked                 0s  deploying web\n  h1\n    · web-1  started\n"+
		"shop: deploying shop  0s\n  ● locked                 0s  deploying shop\n", drawing(f, c.now(), 80, 0))
}

func TestPictureWithoutStates(t *testing.T) {
	t.Parallel()
	f, c := &forest{}, newClock()
	f.apply(deployer.Event{Kind: deployer.Step, Text: "reading"}, c.now())
	f.apply(stepped("h1", "web-1", "started the standby again"), c.now())
	require.Equal(t, "web  0s\n    reading\n  h1\n    · web-1  started the standby again\n", drawing(f, c.now(), 80, 0))
}

func TestCells(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, "web": 3, "é": 1, "e\u0301": 1, "日本": 4, "🚀": 2, "✓": 1} {
		require.Equal(t, want, cells(text), "%q", text)
	}
	require.Equal(t, "日~", cut("日本語", 4))
	require.Equal(t, "ab~", cut("abcd", 3))
	require.Equal(t, "abc", cut("abc", 3))
}

func TestStyle(t *testing.T) {
	t.Parallel()
	r := row{indent: 1, tone: goodTone, marked: true, text: "staging"}
	require.Equal(t, "  \x1b[32m✓ \x1b[0mstaging", styleOf(env("LANG", "C.UTF-8")).paint(r, 80))
	require.Equal(t, "  + staging", styleOf(env("LC_ALL", "C", "LANG", "C.UTF-8", "NO_COLOR", "1")).paint(r, 80))
	require.Equal(t, "~", styleOf(env()).paint(r, 1), "no half of a sequence")
	require.Equal(t, "\x1b[1mweb\x1b[0m", styleOf(env()).paint(row{tone: headTone, text: "web"}, 80))
}

// screen is a terminal that knows the sequences that redraw uses. Lines that are
// too long go on in the next.
type screen struct {
	columns int
	lines   []string
	row     int
	t       *testing.T
}

var csi = regexp.MustCompile(`^\x1b\[(\d*)([A-Za-z])`)

func (s *screen) Write(p []byte) (int, error) {
	text, column := string(p), 0
	for text != "" {
		for len(s.lines) <= s.row {
			s.lines = append(s.lines, "")
		}
		if m := csi.FindStringSubmatch(text); m != nil {
			text = text[len(m[0]):]
			s.control(m[2], m[1], column)
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		switch {
		case r == '\r':
			column = 0
		case r == '\n':
			s.row, column = s.row+1, 0
		case column == s.columns:
			s.row, column = s.row+1, 1
			s.lines = append(s.lines[:s.row], append([]string{string(r)}, s.lines[s.row:]...)...)
		default:
			line := []rune(s.lines[s.row])
			for len(line) <= column {
				line = append(line, ' ')
			}
			line[column] = r
			s.lines[s.row] = string(line)
			column++
		}
	}
	return len(p), nil
}

func (s *screen) control(kind, parameter string, column int) {
	n, _ := strconv.Atoi(parameter)
	switch kind {
	case "A":
		s.row = max(0, s.row-n)
	case "K":
		s.lines[s.row] = string([]rune(s.lines[s.row])[:min(column, utf8.RuneCountInString(s.lines[s.row]))])
	case "J":
		s.lines = s.lines[:s.row]
	default:
		s.t.Errorf("a sequence that is not known: %q", kind)
	}
}

func (s *screen) text() string {
	var b strings.Builder
	for _, line := range s.lines {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func newTestLive(t *testing.T, columns, rows int) (*live, *screen, *strings.Builder, *clock) {
	s, errs, c := &screen{columns: columns, t: t}, &strings.Builder{}, newClock()
	l := newLive(s, errs, func() (int, int, error) { return s.columns, rows, nil }, utf8Style, c.now)
	l.every.ended = true // the test draws
	return l, s, errs, c
}

func TestLiveDrawsInPlace(t *testing.T) {
	t.Parallel()
	l, s, errs, c := newTestLive(t, 60, 24)
	l.event(entered(catalog.Locked, "deploying web"))
	c.pass(time.Second)
	l.event(entered(catalog.Checking, "checking web"))
	l.event(stepped("", "", "1 of 2 instances pass"))
	require.NotContains(t, s.text(), "1 of 2", "it waits a moment")
	c.pass(drawPause)
	l.tick()
	require.Contains(t, s.text(), "1 of 2")
	l.say("note", "something else")
	c.pass(2 * time.Second)
	l.tick()
	l.event(entered(catalog.Succeeded, ""))
	l.done(catalog.Deployment{State: catalog.Succeeded, Service: "web", Release: "1", Environment: "production", Target: catalog.Target{Environment: "production"}})
	l.close()
	l.close()
	l.tick()
	require.Equal(t, `note: something else
web: deploying web  3.1s  succeeded
  ✓ locked               1.0s
  ✓ checking             2.1s
web 1 is live in production as production
`, s.text())
	require.Empty(t, errs.String())
}

func TestLiveTakesLessThanTheTerminalAndEndsWithAll(t *testing.T) {
	t.Parallel()
	l, s, errs, c := newTestLive(t, 60, 5)
	l.event(entered(catalog.Locked, "deploying web"))
	for n := range 9 {
		l.event(stepped("h1", fmt.Sprintf("web-%d", n), "started"))
	}
	c.pass(time.Second)
	l.tick()
	require.LessOrEqual(t, strings.Count(s.text(), "\n"), 4)
	l.event(entered(catalog.Failed, ""))
	err := l.failed(failure())
	require.Equal(t, 1, strings.Count(s.text(), "deploying web  1.0s  failed"))
	require.Contains(t, s.text(), "web-8")
	require.True(t, strings.HasPrefix(errs.String(), "teal: the deployment failed while checking"), errs.String())
	require.True(t, strings.HasSuffix(errs.String(), "Nobody was sent to this release.\n"), errs.String())
	require.ErrorIs(t, err, errQuiet)
}

func TestRedrawCountsWhatANarrowerTerminalHasBroken(t *testing.T) {
	t.Parallel()
	require.Equal(t, "\r\x1b[7Ax\x1b[K\n\x1b[J", redraw([]int{10, 0, 21, 20}, 10, nil, []string{"x"}))
	require.Equal(t, "\rsaid\x1b[K\nx\x1b[K\n\x1b[J", redraw(nil, 80, []string{"said"}, []string{"x"}))
}

func TestLiveInATerminalThatTellsNoSize(t *testing.T) {
	t.Parallel()
	l, s, _, _ := newTestLive(t, 80, 24)
	l.size = func() (int, int, error) { return 0, 0, errors.New("no") }
	l.event(entered(catalog.Locked, "deploying web"))
	require.Contains(t, s.text(), "deploying web")
}
