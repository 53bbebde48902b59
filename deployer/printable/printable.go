// Package printable makes what tools and containers write fit to be shown: without
// what steers a terminal or speaks to a CI system, and line by line.
package printable

import (
	"regexp"
	"strings"
	"unicode"
)

// escapes are the sequences that steer a terminal: those with a string of their
// own (titles, links), those with parameters (colours, the cursor), and the short
// ones.
var escapes = regexp.MustCompile(`\x1b[\]PX^_][^\x07\x1b\x{9c}]*(?:\x07|\x1b\\|\x{9c})?|(?:\x1b\[|\x{9b})[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?`)

// commands are what CI systems obey wherever in a line they find it.
var commands = regexp.MustCompile(`##([A-Za-z]*\[)|section_(start|end):`)

// Text is text that may come from a container, as it may be shown: without
// what steers a terminal or turns the direction of writing, and with what a CI
// system would take for a command written so that it takes it for text. The ends
// of lines stay.
func Text(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = escapes.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lines := strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
	for n, line := range lines {
		lines[n] = defused(strings.Map(visible, line))
	}
	return strings.Join(lines, "\n")
}

// visible drops the runes that are not seen but do something.
func visible(r rune) rune {
	switch {
	case r == '\t':
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
		return -1
	}
	return r
}

// defused is a line without a command: of those that count only at the beginning
// ("::error::") and of those that count anywhere ("##teamcity[").
func defused(line string) string {
	line = commands.ReplaceAllStringFunc(line, func(found string) string {
		if rest, ok := strings.CutPrefix(found, "##"); ok {
			return "# #" + rest
		}
		return strings.Replace(found, "_", " ", 1)
	})
	text := strings.TrimLeftFunc(line, unicode.IsSpace)
	if rest, ok := strings.CutPrefix(text, "::"); ok {
		return line[:len(line)-len(text)] + ": :" + rest
	}
	return line
}
