package deployer

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/servicefile"
)

const (
	probeTimeout = 2 * time.Second
	probeMaxBody = 2 << 10 // bytes of an answer that are shown
)

// probe asks an instance what its HTTP check would ask, and answers what it
// said. The catalogue often has no output of a check that has failed from the
// start: an agent passes on a new output without a new status only every few
// minutes.
func probe(ctx context.Context, i catalog.Instance, path string) string {
	ctx, done := context.WithTimeout(ctx, probeTimeout)
	defer done()
	url := "http://" + net.JoinHostPort(i.Address, strconv.Itoa(i.Port)) + path
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Sprintf("asked from here: %s", err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, probeMaxBody)) // what came is shown
	return fmt.Sprintf("asked from here: GET %s: %s: %s", url, resp.Status, strings.TrimSpace(string(body)))
}

// fillOutputs probes the instances whose failing checks say nothing.
func fillOutputs(ctx context.Context, checks []FailedCheck, instances []catalog.Instance, c servicefile.Check) {
	if c.HTTP == "" {
		return
	}
	for n := range checks {
		for _, i := range instances {
			if checks[n].Output == "" && checks[n].Instance == i.ID && checks[n].Node == i.Node {
				checks[n].Output = probe(ctx, i, c.HTTP)
			}
		}
	}
}
