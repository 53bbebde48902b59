package main

import (
	"bytes"
	"sync"
)

// lineSplitter hands on what is written to it a line at a time. It is safe for
// concurrent use.
type lineSplitter struct {
	mu   sync.Mutex
	rest []byte
	line func(text string)
}

// Write never fails.
func (s *lineSplitter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = append(s.rest, p...)
	for {
		n := bytes.IndexByte(s.rest, '\n')
		if n < 0 {
			return len(p), nil
		}
		s.hand(s.rest[:n])
		s.rest = s.rest[n+1:]
	}
}

// end hands on what had no line end.
func (s *lineSplitter) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hand(s.rest)
	s.rest = nil
}

func (s *lineSplitter) hand(line []byte) {
	if text := bytes.TrimSpace(line); len(text) > 0 {
		s.line(string(text))
	}
}
