package docker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/docker/docker/client"
)

// textClient reaches an engine as its client does, for answers that need not be
// understood.
func textClient(api *client.Client) *http.Client {
	dial := api.Dialer()
	return &http.Client{Transport: &http.Transport{
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConns:    1,
		IdleConnTimeout: time.Minute,
	}}
}

// texts lists all containers, each as the text that the engine told of it. Most
// of them say what they said before, and to understand a thousand costs more than
// all else.
func (e *Engine) texts(ctx context.Context) ([][]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/containers/json?all=1", nil)
	if err != nil {
		return nil, err
	}
	resp, err := e.text.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the engine answered %s", resp.Status)
	}
	var body bytes.Buffer
	body.Grow(int(e.listed.Load()) + bytes.MinRead)
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	e.listed.Store(int64(body.Len()))
	all, ok := elements(body.Bytes())
	if !ok {
		return nil, fmt.Errorf("the engine's list is not one")
	}
	return all, nil
}

// elements cuts the text of a JSON array of objects into those of the objects.
// It does not look into them; of anything else than an array it answers false.
func elements(array []byte) ([][]byte, bool) {
	array = bytes.TrimSpace(array)
	if len(array) < 2 || array[0] != '[' || array[len(array)-1] != ']' {
		return nil, false
	}
	rest := array[1 : len(array)-1]
	var all [][]byte
	depth, begin := 0, 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			n := stringEnd(rest[i:])
			if n == 0 {
				return nil, false
			}
			i += n - 1
		case '{':
			if depth == 0 {
				begin = i
			}
			depth++
		case '}':
			depth--
			if depth < 0 {
				return nil, false
			}
			if depth == 0 {
				all = append(all, rest[begin:i+1])
			}
		}
	}
	return all, depth == 0
}

// stringEnd is the length of the JSON string that s begins with; 0 if it never
// ends.
func stringEnd(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++ // what is escaped
		}
	}
	return 0
}

// idMark is what an engine's text of a container begins with.
var idMark = []byte(`{"Id":"`)

// idIn is the id of the container that a text tells of, if that comes first, as
// it does; else empty.
func idIn(text []byte) []byte {
	rest, ok := bytes.CutPrefix(text, idMark)
	if !ok {
		return nil
	}
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return id
}
