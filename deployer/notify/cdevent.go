package notify

import (
	"net/url"
	"path"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/printable"
)

// The vocabulary of CDEvents 0.4.1 (cdevents.dev) that Teal speaks, inside of
// CloudEvents 1.0 (cloudevents.io) in structured mode.
const (
	cloudEventsVersion = "1.0"
	cdeventsVersion    = "0.4.1"

	runStarted        = "dev.cdevents.pipelinerun.started.0.2.0"
	runFinished       = "dev.cdevents.pipelinerun.finished.0.2.0"
	serviceDeployed   = "dev.cdevents.service.deployed.0.2.0"
	serviceUpgraded   = "dev.cdevents.service.upgraded.0.2.0"
	serviceRolledBack = "dev.cdevents.service.rolledback.0.2.0"
)

// cloudEvent is the envelope. Its attributes are those of the context of the
// CDEvent in it.
type cloudEvent struct {
	SpecVersion     string  `json:"specversion"`
	ID              string  `json:"id"`
	Source          string  `json:"source"`
	Type            string  `json:"type"`
	Subject         string  `json:"subject"`
	Time            string  `json:"time"`
	DataContentType string  `json:"datacontenttype"`
	Data            cdEvent `json:"data"`
}

type cdEvent struct {
	Context               cdContext  `json:"context"`
	Subject               cdSubject  `json:"subject"`
	CustomData            customData `json:"customData"`
	CustomDataContentType string     `json:"customDataContentType"`
}

type cdContext struct {
	Version   string `json:"version"`
	ID        string `json:"id"`
	Source    string `json:"source"`
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
}

type cdSubject struct {
	ID      string `json:"id"`
	Source  string `json:"source"`
	Type    string `json:"type"`
	Content any    `json:"content"`
}

// runContent is a pipelinerun: the deployment itself.
type runContent struct {
	PipelineName string `json:"pipelineName"`
	Outcome      string `json:"outcome,omitempty"` // "success", "failure" or "error"
	Errors       string `json:"errors,omitempty"`
}

// serviceContent is a service that runs in an environment.
type serviceContent struct {
	Environment cdReference `json:"environment"`
	ArtifactID  string      `json:"artifactId"` // a package URL
}

type cdReference struct {
	ID string `json:"id"`
}

// customData is what Teal knows and the vocabulary has no place for.
type customData struct {
	Deployment string                  `json:"deployment"`
	State      catalog.DeploymentState `json:"state"`
	Service    string                  `json:"service"`
	Target     string                  `json:"target"`
	Release    string                  `json:"release"`
	Revision   string                  `json:"revision,omitempty"`
	By         string                  `json:"by,omitempty"`
}

// cloudEvents are what has happened: a deployment is a pipelinerun, and one after
// which something else is live changes a service too. The vocabulary has nothing
// for one that waits for approval.
func (t Tidings) cloudEvents() []any {
	name := "deploy " + t.Record.Service + " to " + t.Record.Environment
	if t.Record.State == catalog.AwaitingApproval {
		return nil
	}
	if !t.Record.State.Ended() {
		return []any{t.cloudEvent(runStarted, "started", t.run(runContent{PipelineName: name}))}
	}
	if t.ByHand { // the run has finished long since
		return []any{t.cloudEvent(serviceRolledBack, "rolledback", t.running(t.liveAgain()))}
	}
	events := []any{t.cloudEvent(runFinished, "finished", t.run(runContent{
		PipelineName: name, Outcome: cdOutcome(t.Record.State), Errors: printable.Text(t.Record.Reason),
	}))}
	switch t.Record.State {
	case catalog.Succeeded:
		if t.Record.Previous.IsZero() {
			return append(events, t.cloudEvent(serviceDeployed, "deployed", t.running(t.Record)))
		}
		return append(events, t.cloudEvent(serviceUpgraded, "upgraded", t.running(t.Record)))
	case catalog.RolledBack:
		return append(events, t.cloudEvent(serviceRolledBack, "rolledback", t.running(t.liveAgain())))
	}
	return events
}

// liveAgain is the deployment whose artifact runs after a rollback, as far as it
// is known.
func (t Tidings) liveAgain() catalog.Deployment {
	if t.Live != nil {
		return *t.Live
	}
	return catalog.Deployment{Service: t.Record.Service}
}

// cdOutcome: a failure is the release's, an error is that there was no answer.
func cdOutcome(s catalog.DeploymentState) string {
	switch verdictOf(s) {
	case good:
		return "success"
	case noVerdict:
		return "error"
	}
	return "failure"
}

// source is the context in which ids are unique.
func (t Tidings) source() string {
	return "/teal/" + url.PathEscape(t.Record.Service) + "/" + url.PathEscape(t.Record.Environment)
}

func (t Tidings) run(content runContent) cdSubject {
	return cdSubject{ID: t.Record.ID, Source: t.source(), Type: "pipelineRun", Content: content}
}

func (t Tidings) running(d catalog.Deployment) cdSubject {
	return cdSubject{ID: t.Record.Service, Source: t.source(), Type: "service", Content: serviceContent{
		Environment: cdReference{ID: t.Record.Environment},
		ArtifactID:  packageURL(d.Images[t.Routed], d.Service, d.Release),
	}}
}

// cloudEvent wraps a subject. The id tells the events of a deployment apart and
// stays the same when one is sent again.
func (t Tidings) cloudEvent(kind, predicate string, subject cdSubject) cloudEvent {
	r := t.Record
	context := cdContext{
		Version: cdeventsVersion, ID: r.ID + "-" + predicate, Source: t.source(), Type: kind, Timestamp: t.at().Format(time.RFC3339Nano),
	}
	return cloudEvent{
		SpecVersion: cloudEventsVersion, ID: context.ID, Source: context.Source, Type: kind,
		Subject: subject.ID, Time: context.Timestamp, DataContentType: "application/json",
		Data: cdEvent{Context: context, Subject: subject, CustomDataContentType: "application/json", CustomData: customData{
			Deployment: r.ID, State: r.State, Service: r.Service, Target: r.Target.String(), Release: r.Release, Revision: r.Revision, By: r.By,
		}},
	}
}

// at is when the last thing of the record happened.
func (t Tidings) at() time.Time {
	if n := len(t.Record.Timeline); n > 0 {
		return t.Record.Timeline[n-1].At.UTC()
	}
	return time.Time{}
}

// packageURL names an image as package URLs do (purl-spec, type oci): by the last
// part of its name and its digest, with where it lies as a qualifier. An image
// without a digest is named by the service and its release instead. It is pure.
func packageURL(image, service, release string) string {
	name, digest, pinned := strings.Cut(image, "@")
	if !pinned || name == "" {
		generic := "pkg:generic/" + url.PathEscape(service)
		if release != "" {
			generic += "@" + url.QueryEscape(release)
		}
		return generic
	}
	repository, tag := name, ""
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		repository, tag = name[:colon], name[colon+1:]
	}
	purl := "pkg:oci/" + url.PathEscape(strings.ToLower(path.Base(repository))) + "@" + url.QueryEscape(digest) +
		"?repository_url=" + strings.ReplaceAll(url.QueryEscape(strings.ToLower(repository)), "%2F", "/")
	if tag != "" {
		purl += "&tag=" + url.QueryEscape(tag)
	}
	return purl
}
