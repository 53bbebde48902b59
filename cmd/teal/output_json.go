package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/printable"
)

// jsonLine is one line of --json: an event, or with the kind "outcome" how a
// deployment or a pipeline ended. The last line of a command is an outcome.
type jsonLine struct {
	At        time.Time               `json:"at"`
	Kind      string                  `json:"kind"` // "entered", "step", "note", "said" or "outcome"
	State     catalog.DeploymentState `json:"state,omitempty"`
	Service   string                  `json:"service,omitempty"`
	Target    string                  `json:"target,omitempty"`
	Release   string                  `json:"release,omitempty"`
	Host      string                  `json:"host,omitempty"`
	Container string                  `json:"container,omitempty"`
	Check     string                  `json:"check,omitempty"`
	Health    catalog.Health          `json:"health,omitempty"`
	Text      string                  `json:"text,omitempty"`

	// Of an outcome.
	Exit    *int                `json:"exit,omitempty"` // the exit code that goes with it
	Record  *catalog.Deployment `json:"record,omitempty"`
	Failure *jsonFailure        `json:"failure,omitempty"`
}

// jsonFailure is why a command failed.
type jsonFailure struct {
	Stage      catalog.DeploymentState `json:"stage,omitempty"` // where the deployment stood
	Deployment string                  `json:"deployment,omitempty"`
	Untouched  bool                    `json:"untouched"` // who was live still is
	Reason     string                  `json:"reason"`
	Checks     []jsonCheck             `json:"checks,omitempty"`
	// Unregistered are the containers that take requests and that Consul does not know.
	Unregistered []jsonContainer `json:"unregistered,omitempty"`
	Logs         []jsonLog       `json:"logs,omitempty"`
	Leftover     string          `json:"leftover,omitempty"` // what could not be put back
	Next         string          `json:"next,omitempty"`
}

type jsonCheck struct {
	Instance string         `json:"instance"`
	Node     string         `json:"node"`
	Check    string         `json:"check"`
	Status   catalog.Health `json:"status"`
	Output   string         `json:"output"`
}

type jsonContainer struct {
	Host      string `json:"host"`
	Container string `json:"container"`
}

type jsonLog struct {
	Host      string `json:"host"`
	Container string `json:"container"`
	State     string `json:"state"`
	Lines     string `json:"lines"`
}

// jsonOutput writes JSON Lines.
type jsonOutput struct {
	mu  sync.Mutex
	out io.Writer
	now func() time.Time
}

func newJSONOutput(out io.Writer) *jsonOutput { return &jsonOutput{out: out, now: time.Now} }

func (o *jsonOutput) write(l jsonLine) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l.At.IsZero() {
		l.At = o.now()
	}
	l.At = l.At.UTC()
	enc := json.NewEncoder(o.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(l) // of a broken pipe the next command in it tells
}

func (o *jsonOutput) event(e deployer.Event) {
	target := ""
	if !e.Target.IsZero() {
		target = e.Target.String()
	}
	o.write(jsonLine{
		At: e.At, Kind: e.Kind.String(), State: e.State, Service: e.Service, Target: target, Release: e.Release,
		Host: e.Host, Container: e.Container, Check: e.Check, Health: e.Health, Text: e.Text,
	})
}

func (o *jsonOutput) say(what, format string, args ...any) {
	text := printable.Text(fmt.Sprintf(format, args...))
	if what != "" {
		text = what + ": " + text
	}
	o.write(jsonLine{Kind: "said", Text: text})
}

// begin and end show nothing: what a step says names it.
func (o *jsonOutput) begin(string, string) {}

func (o *jsonOutput) end() {}

func (o *jsonOutput) done(record catalog.Deployment) {
	l := jsonLine{Kind: "outcome", State: record.State, Service: record.Service, Release: record.Release, Record: &record, Text: conclusion(record)}
	switch record.State {
	case catalog.Succeeded:
		l.Exit = new(exitDone)
	case catalog.AwaitingApproval:
		l.Exit = new(exitAwaiting)
	}
	o.write(l)
}

func (o *jsonOutput) passed(text string) {
	o.write(jsonLine{Kind: "outcome", Exit: new(exitDone), Text: printable.Text(text)})
}

// failed leaves the error to be written to standard error too.
func (o *jsonOutput) failed(err error) error {
	failures := failuresIn(err)
	if len(failures) == 0 {
		o.write(jsonLine{Kind: "outcome", Exit: new(exitCode(err)), Failure: &jsonFailure{Reason: printable.Text(err.Error())}})
	}
	for _, f := range failures {
		o.write(jsonLine{Kind: "outcome", State: f.Outcome, Service: f.Service, Exit: new(exitCode(err)), Failure: jsonFailureOf(f)})
	}
	return err
}

func (o *jsonOutput) close() {}

// jsonFailureOf is pure.
func jsonFailureOf(f *deployer.Failure) *jsonFailure {
	j := &jsonFailure{
		Stage: f.Stage, Deployment: f.Deployment, Untouched: f.BeforeFlip,
		Reason: printable.Text(f.Reason), Next: f.Next(),
	}
	for _, c := range f.Checks {
		j.Checks = append(j.Checks, jsonCheck{c.Instance, c.Node, c.Check, c.Status, printable.Text(c.Output)})
	}
	for _, u := range f.Unregistered {
		j.Unregistered = append(j.Unregistered, jsonContainer(u))
	}
	for _, l := range f.Logs {
		j.Logs = append(j.Logs, jsonLog{l.Host, l.Container, l.State, printable.Text(l.Lines)})
	}
	if f.Leftover != nil {
		j.Leftover = printable.Text(f.Leftover.Error())
	}
	return j
}
