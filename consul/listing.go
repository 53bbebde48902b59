package consul

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hashicorp/consul/api"
)

// sameBefore and sameAfter stand for the pairs that a change has left alone.
const (
	sameBefore = "[null"
	sameAfter  = ",null"
)

var errNoList = errors.New("the answer is not one list; is it Consul that answers?")

// listing is the last answer to recursive reads of a folder. To decode a thousand
// pairs takes longer than all else that a flip waits for, and a flip changes one:
// what an answer has in common with the last is not decoded again. It belongs to
// one goroutine; the zero value has read nothing yet.
type listing struct {
	body  []byte      // as Consul sent it
	pairs api.KVPairs // what it says
	ends  []int       // where each pair ends in body
}

// read reads a folder as q says. Pairs that have not changed are the same as
// those of the last answer, so whoever has them must not change them.
func (l *listing) read(kv *api.KV, folder string, q *api.QueryOptions) (api.KVPairs, *api.QueryMeta, error) {
	answer := &rawBody{room: len(l.body) + 2*bytes.MinRead}
	none, meta, err := kv.List(folder, q.WithContext(answer.asked(q.Context())))
	if err != nil || answer.bytes == nil {
		return none, meta, err // without keys there is no folder, and so no answer
	}
	if err := l.take(answer.bytes); err != nil {
		return nil, nil, fmt.Errorf("decode the keys of %s: %w", folder, err)
	}
	return l.pairs, meta, nil
}

// take makes body the last answer, unless it can't be decoded. Its change, with
// stand-ins for the rest, is a JSON list only if all of body is.
func (l *listing) take(body []byte) error {
	head, tail, ok := l.shared(body)
	if !ok {
		*l = listing{}
	}
	n, grown := len(l.pairs), len(body)-len(l.body)
	from, to := l.start(head), l.start(n-tail)+grown
	var list []byte
	if head > 0 {
		list = append(list, sameBefore...)
	}
	moved := from - len(list)
	list = append(list, body[from:to]...)
	if tail > 0 {
		list = append(list, sameAfter...)
	}
	pairs, ends, err := decodePairs(append(list, l.body[l.start(n):]...))
	if err != nil {
		return err
	}
	if head > 0 {
		pairs, ends = pairs[1:], ends[1:]
	}
	if tail > 0 {
		pairs, ends = pairs[:len(pairs)-1], ends[:len(ends)-1]
	}
	l.pairs = slices.Concat(l.pairs[:head], pairs, l.pairs[n-tail:])
	l.ends = slices.Concat(l.ends[:head], shifted(ends, moved), shifted(l.ends[n-tail:], grown))
	l.body = body
	return nil
}

// shared counts how many pairs body has at its beginning and at its end that are,
// byte for byte, those of the last answer. It is not ok when body does not end as
// that does.
func (l *listing) shared(body []byte) (head, tail int, ok bool) {
	n := len(l.pairs)
	rest := body
	for head < n && bytes.HasPrefix(rest, l.pair(head)) {
		rest = rest[len(l.pair(head)):]
		head++
	}
	if rest, ok = bytes.CutSuffix(rest, l.body[l.start(n):]); !ok {
		return 0, 0, false
	}
	for tail < n-max(head, 1) && bytes.HasSuffix(rest, l.pair(n-1-tail)) {
		rest = rest[:len(rest)-len(l.pair(n-1-tail))]
		tail++
	}
	return head, tail, true
}

// start is where the n-th pair's bytes begin, with the bracket or comma before
// it; for the number of pairs it is where those that end the list do.
func (l *listing) start(n int) int {
	if n == 0 {
		return 0
	}
	return l.ends[n-1]
}

func (l *listing) pair(n int) []byte { return l.body[l.start(n):l.start(n+1)] }

func shifted(offsets []int, by int) []int {
	moved := make([]int, len(offsets))
	for i, o := range offsets {
		moved[i] = o + by
	}
	return moved
}

// decodePairs decodes a list, and tells where in it each pair ends.
func decodePairs(list []byte) (pairs api.KVPairs, ends []int, err error) {
	dec := json.NewDecoder(bytes.NewReader(list))
	if open, err := dec.Token(); err != nil || open != json.Delim('[') {
		return nil, nil, cmp.Or(err, errNoList)
	}
	for dec.More() {
		var p *api.KVPair
		if err := dec.Decode(&p); err != nil {
			return nil, nil, err
		}
		pairs, ends = append(pairs, p), append(ends, int(dec.InputOffset()))
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, nil, cmp.Or(err, errNoList)
	}
	return pairs, ends, nil
}
