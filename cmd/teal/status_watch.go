package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// watchPause is the time between two looks of `teal status -w`.
const watchPause = time.Second

// clearScreen takes the cursor home; clearRest takes away what stands below it.
const (
	clearScreen = "\x1b[H\x1b[2J"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// watchStatus shows something again and again until ctx ends, which is no error.
// In a terminal each look is drawn over the one before; otherwise it is written
// below it when it has changed. What can't be read is said and looked at again,
// but for the first time.
func watchStatus(ctx context.Context, out io.Writer, pause time.Duration, look func(io.Writer) error) error {
	terminal := isTerminal(out)
	var shown string
	for first := true; ; first = false {
		var now bytes.Buffer
		if err := look(&now); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if first {
				return err
			}
			now.Reset()
			fmt.Fprintf(&now, "it can't be read now: %s\n", err)
		}
		if err := showStatus(out, now.String(), shown, terminal, first); err != nil {
			return err
		}
		shown = now.String()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// showStatus writes what a look has seen.
func showStatus(out io.Writer, now, before string, terminal, first bool) error {
	switch {
	case terminal && first:
		now = clearScreen + now
	case terminal:
		now = home + strings.ReplaceAll(now, "\n", clearLine+"\n") + clearRest
	case now == before:
		return nil
	case !first:
		now = fmt.Sprintf("\n--- %s\n%s", time.Now().Format(time.TimeOnly), now)
	}
	_, err := io.WriteString(out, now)
	return err
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
