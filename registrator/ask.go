package registrator

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"teal/catalog"
)

// The bounds of an answer.
const (
	maxAnswer = 16 << 20
	maxWait   = 10 * time.Second
)

// AskProblems asks the registrator at an address, host:port or a base URL, which
// of its containers are not registered as they ask.
func AskProblems(ctx context.Context, address string) ([]catalog.Problem, error) {
	base := strings.TrimSuffix(address, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+problemsPath, nil)
	if err != nil {
		return nil, fmt.Errorf("%q is not the address of a registrator; write it like 127.0.0.1:8082: %w", address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the registrator at %s (%w); is it running there? Name its --listen address with --address", address, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the problems from the registrator at %s: %w", address, err)
	}
	return parseProblems(address, resp.StatusCode, body)
}

func parseProblems(address string, code int, body []byte) ([]catalog.Problem, error) {
	if code != http.StatusOK {
		var said apiError
		if err := json.Unmarshal(body, &said); err != nil || said.Error == "" {
			return nil, fmt.Errorf("what answers at %s is no registrator (status %d); name its --listen address with --address", address, code)
		}
		return nil, fmt.Errorf("the registrator at %s: %s", address, said.Error)
	}
	var list []catalog.Problem
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("what answers at %s is no registrator (%w); name its --listen address with --address", address, err)
	}
	return list, nil
}
