package deployer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"teal/deployer/printable"
	"teal/deployer/servicefile"
)

const gateAnswerTimeout = 10 * time.Second

// askOutside asks each outside gate until it lets the release through.
func (r *run) askOutside(ctx context.Context) error {
	for _, gate := range r.spec.Gates.Outside {
		err := r.persist(ctx, gate.Timeout, r.opt.GatePoll, func(ctx context.Context, _ int) error {
			return askGate(ctx, gate, servicefile.Variable(r.opt.Environ, gate.Token))
		})
		if err != nil {
			return err
		}
		r.step("gate %s is open", gate.Name)
	}
	return nil
}

// askGate is why a gate does not let the release through, or nil. The token
// is never told, even where an answer repeats it.
func askGate(ctx context.Context, g servicefile.OutsideGate, token string) error {
	ctx, done := context.WithTimeout(ctx, gateAnswerTimeout)
	defer done()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL, nil)
	if err != nil {
		return fmt.Errorf("gate %s at %s can't be asked; see the url of the service file", g.Name, g.Address())
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token) // RFC 6750, section 2.1
	}
	client := &http.Client{CheckRedirect: asItIs} // a token goes nowhere else
	status, body, err := fetch(client, req)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("it does not answer in time")
	}
	if err == nil {
		err = judgeGate(g, status, body, token)
	}
	if err != nil {
		return fmt.Errorf("gate %s at %s does not let the release through: %w", g.Name, g.Address(), err)
	}
	return nil
}

// judgeGate is why an answer does not open the gate, or nil. It is pure.
func judgeGate(g servicefile.OutsideGate, status int, body, token string) error {
	shown := body
	if token != "" {
		shown = strings.ReplaceAll(body, token, "[token]")
	}
	if status < 200 || status > 299 {
		return fmt.Errorf("it answered %s, with the body %s", printable.Status(status), beginning(shown))
	}
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		return fmt.Errorf("its answer is no JSON: %s", beginning(shown))
	}
	for name := range strings.SplitSeq(g.Field, ".") {
		object, _ := value.(map[string]any)
		inner, ok := object[name]
		if !ok {
			return fmt.Errorf("its answer has no field %s: %s", g.Field, beginning(shown))
		}
		value = inner
	}
	if value != true {
		return fmt.Errorf("field %s is not true in its answer %s", g.Field, beginning(shown))
	}
	return nil
}
