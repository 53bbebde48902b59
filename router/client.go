package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"teal/catalog"
)

// The bounds of an answer of an admin API.
const (
	maxAnswer  = 64 << 20
	answerTime = 10 * time.Second
)

// Explained is the answer to a question.
type Explained struct {
	Words []string        // sentences, a line each
	JSON  json.RawMessage // all of it
}

// ErrNoAdminAPI is that no router's admin API answers at an address.
var ErrNoAdminAPI = errors.New("no router's admin API answers there")

// Explain asks the router whose admin API is at an address, host:port or a base
// URL. The error is ErrNoAdminAPI where none answers there.
func Explain(ctx context.Context, admin string, q Question) (Explained, error) {
	body, err := askAdmin(ctx, admin, "/v1/explain?"+q.Values().Encode())
	if err != nil {
		return Explained{}, err
	}
	var said struct{ Words []string }
	if err := json.Unmarshal(body, &said); err != nil || len(said.Words) == 0 {
		return Explained{}, noRouter(admin, errors.New("its answer is no explanation"))
	}
	return Explained{Words: said.Words, JSON: body}, nil
}

// AliasState is what a router has under way of an alias.
type AliasState struct {
	Halt     catalog.HaltKind // as the router has applied it; empty for none
	InFlight int64            // requests that came through the alias, wherever they went
	Waiting  int              // requests that a pause holds
}

// AliasOf asks a router for an alias of a service.
func AliasOf(ctx context.Context, r catalog.RouterRecord, service, alias string) (AliasState, error) {
	body, err := askAdmin(ctx, r.Admin, "/v1/services/"+url.PathEscape(service)+"/aliases/"+url.PathEscape(alias))
	if err != nil {
		return AliasState{}, err
	}
	var said struct {
		InFlight *int64 `json:"in_flight"` // an answer of something else would lack it
		Halt     struct {
			Kind    catalog.HaltKind
			Waiting int
		}
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return AliasState{}, noRouter(r.Admin, err)
	}
	if said.InFlight == nil {
		return AliasState{}, noRouter(r.Admin, errors.New("its answer does not say what is in flight"))
	}
	return AliasState{Halt: said.Halt.Kind, InFlight: *said.InFlight, Waiting: said.Halt.Waiting}, nil
}

// askAdmin reads the answer to a GET.
func askAdmin(ctx context.Context, admin, path string) ([]byte, error) {
	base := strings.TrimRight(admin, "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%q is not the address of an admin API; write it like http://127.0.0.1:8081: %w", admin, err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err // without the whole URL
		}
		return nil, noRouter(admin, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the answer of the router at %s: %w", admin, err)
	}
	if res.StatusCode == http.StatusOK {
		return body, nil
	}
	var said apiError
	if err := json.Unmarshal(body, &said); err != nil || said.Error == "" {
		return nil, noRouter(admin, fmt.Errorf("status %d", res.StatusCode))
	}
	return nil, fmt.Errorf("the router at %s: %s", admin, strings.TrimSuffix(said.Error, "."))
}

func noRouter(admin string, err error) error {
	return fmt.Errorf("ask the router at %s: %w: %w", admin, ErrNoAdminAPI, err)
}
