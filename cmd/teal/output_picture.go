package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"teal/catalog"
)

// tone is what a mark means.
type tone int

const (
	plainTone tone = iota
	goodTone
	badTone
	busyTone
	noteTone
	headTone // the whole line
)

// row is one line of a picture.
type row struct {
	indent int
	tone   tone
	marked bool // the tone's mark stands before the text
	text   string
}

// style is what a terminal can show.
type style struct {
	colour bool
	marks  map[tone]string
}

// styleOf is what the terminal with these variables can show.
func styleOf(env func(string) string) style {
	s := style{
		colour: env("NO_COLOR") == "",
		marks:  map[tone]string{goodTone: "+", badTone: "x", busyTone: ">", noteTone: "!", plainTone: "-"},
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set counts
		value := strings.ToLower(env(name))
		if value == "" {
			continue
		}
		if strings.Contains(value, "utf-8") || strings.Contains(value, "utf8") {
			s.marks = map[tone]string{goodTone: "✓", badTone: "✗", busyTone: "●", noteTone: "!", plainTone: "·"}
		}
		break
	}
	return s
}

// colours are the parameters of Select Graphic Rendition (ECMA-48) by tone.
var colours = map[tone]string{goodTone: "32", badTone: "31", busyTone: "36", noteTone: "33", plainTone: "2", headTone: "1"}

// paint is a row as it is written, in at most columns cells.
func (s style) paint(r row, columns int) string {
	indent := strings.Repeat("  ", r.indent)
	mark := ""
	if r.marked {
		mark = s.marks[r.tone] + " "
	}
	whole := cut(indent+mark+r.text, columns)
	switch {
	case !s.colour:
		return whole
	case r.tone == headTone:
		return "\x1b[1m" + whole + "\x1b[0m"
	case !r.marked || !strings.HasPrefix(whole, indent+mark):
		return whole
	}
	rest := strings.TrimPrefix(whole, indent+mark)
	return indent + "\x1b[" + colours[r.tone] + "m" + mark + "\x1b[0m" + rest
}

// cut shortens text to a number of cells of a terminal.
func cut(text string, columns int) string {
	if cells(text) <= columns {
		return text
	}
	var b strings.Builder
	used := 1 // for the sign that something is left out
	for _, r := range text {
		if used += runeCells(r); used > columns {
			break
		}
		b.WriteRune(r)
	}
	if columns < 1 {
		return ""
	}
	return b.String() + "~"
}

// cells is how many cells of a terminal a text takes.
func cells(text string) int {
	n := 0
	for _, r := range text {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r >= 0x1f300 && r <= 0x1faff: // pictures
		return 2
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// picture is the forest as rows, at most height of them unless that is 0. It is
// pure.
func (f *forest) picture(now time.Time, height int) []row {
	var rows []row
	for detail := fullDetail; detail >= leastDetail; detail-- {
		rows = nil
		for _, t := range f.trees {
			rows = append(rows, t.picture(now, detail)...)
		}
		if height == 0 || len(rows) <= height {
			return rows
		}
	}
	if height < 2 {
		return rows[len(rows)-height:]
	}
	return append(rows[:height-1:height-1], row{text: fmt.Sprintf("... %d more lines", len(rows)-height+1)})
}

// The details of a picture, which is made with fewer when the terminal is low.
const (
	leastDetail = iota // no hosts
	someDetail         // what came through on a line each, or together
	fullDetail
)

func (t *tree) picture(now time.Time, detail int) []row {
	rows := []row{{tone: headTone, text: t.title(now)}}
	rows = append(rows, t.stateRows(now, detail)...)
	if detail > leastDetail {
		for _, h := range t.hosts {
			rows = append(rows, h.rows(detail)...)
		}
	}
	for _, note := range t.notes {
		rows = append(rows, row{indent: 1, tone: noteTone, marked: true, text: oneLine(note)})
	}
	return rows
}

func (t *tree) title(now time.Time) string {
	end := now
	if t.outcome != "" {
		end = t.ended
	}
	parts := []string{}
	if t.service != "" {
		parts = append(parts, t.service)
	}
	if t.heading != "" {
		parts = append(parts, t.heading)
	}
	title := strings.Join(parts, ": ") + "  " + seconds(end.Sub(t.began), t.outcome != "")
	if t.outcome != "" {
		title += "  " + string(t.outcome)
	}
	return strings.TrimSpace(title)
}

func (t *tree) stateRows(now time.Time, detail int) []row {
	var rows []row
	var through []string
	for _, s := range t.states {
		if detail < fullDetail && !s.left.IsZero() && !s.failed {
			through = append(through, string(s.state))
			continue
		}
		rows = append(rows, s.rows(now)...)
	}
	if len(through) > 0 {
		rows = append([]row{{indent: 1, tone: goodTone, marked: true, text: strings.Join(through, ", ")}}, rows...)
	}
	return rows
}

func (s *treeState) rows(now time.Time) []row {
	head := row{indent: 1, tone: busyTone, marked: true}
	end, over := now, !s.left.IsZero()
	if over {
		head.tone, end = goodTone, s.left
	}
	if s.failed {
		head.tone = badTone
	}
	head.text = fmt.Sprintf("%-17s %7s", s.state, seconds(end.Sub(s.entered), over))
	if !over || s.failed {
		head.text += "  " + oneLine(s.text)
	}
	var rows []row
	if s.state != "" { // a flip is in no state
		rows = append(rows, head)
	}
	if over && !s.failed {
		return rows
	}
	for _, step := range s.steps {
		rows = append(rows, row{indent: 2, text: oneLine(step)})
	}
	return rows
}

func (h *treeHost) rows(detail int) []row {
	head := row{indent: 1, text: h.name}
	if detail == fullDetail || len(h.containers) == 0 {
		head.text = withText(h.name, h.text)
	}
	rows := []row{head}
	quiet := 0
	for _, c := range h.containers {
		worst := c.worst()
		if detail < fullDetail && (worst == "" || worst == catalog.Passing) {
			quiet++
			continue
		}
		rows = append(rows, c.rows()...)
	}
	if quiet > 0 {
		rows[0].text += fmt.Sprintf("  %s", counted(quiet, "container"))
	}
	return rows
}

func (c *treeContainer) rows() []row {
	rows := []row{{indent: 2, tone: toneOf(c.worst()), marked: true, text: withText(c.name, c.text)}}
	for _, check := range c.checks {
		text := withText(check.name, strings.TrimSpace(string(check.health)+" "+check.text))
		rows = append(rows, row{indent: 3, tone: toneOf(check.health), marked: true, text: text})
	}
	return rows
}

func withText(name, text string) string {
	if text == "" {
		return name
	}
	return name + "  " + oneLine(text)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func toneOf(h catalog.Health) tone {
	switch h {
	case catalog.Passing:
		return goodTone
	case catalog.Critical:
		return badTone
	case "":
		return plainTone
	}
	return noteTone
}

// seconds is a time that is over with a tenth, one that goes on without: it is
// drawn once a second.
func seconds(d time.Duration, over bool) string {
	if d >= time.Minute {
		return d.Truncate(time.Second).String()
	}
	if over {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}
