package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"teal/catalog"
	"teal/deployer/printable"
	"teal/deployer/servicefile"
)

// maxReason is how many runes of a reason are put into a chat message.
const maxReason = 1500

// Tidings are what somebody is told.
type Tidings struct {
	// Record is how the deployment stands.
	Record catalog.Deployment
	// Routed is the part whose image is what the service is; empty where it is not
	// known.
	Routed string
	// Live is the deployment whose release is live again after a rollback; nil
	// where it is not known.
	Live *catalog.Deployment
	// ByHand tells that somebody has rolled back after the deployment had ended.
	ByHand bool
}

// New are the tidings of a deployment. Previous is the one that it is compared
// with, see LastVerdict; nil for none.
func New(routed string, record catalog.Deployment, previous *catalog.Deployment) Tidings {
	t := Tidings{Record: record, Routed: routed}
	if previous != nil && previous.State == catalog.Succeeded {
		t.Live = previous
	}
	return t
}

// messages are the requests that tell it in one form. It is pure.
func (t Tidings) messages(kind servicefile.NotifyKind) ([]message, error) {
	switch kind {
	case servicefile.NotifySlack:
		return encoded("application/json", t.slack())
	case servicefile.NotifyCDEvents:
		return encoded("application/cloudevents+json", t.cloudEvents()...)
	}
	return encoded("application/json", t.webhook())
}

// encoded are values as messages. Escaping "<" would be harmless and unreadable,
// so it is left out.
func encoded(contentType string, values ...any) ([]message, error) {
	var all []message
	for _, v := range values {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return nil, fmt.Errorf("encode its message: %w", err)
		}
		all = append(all, message{contentType: contentType, body: []byte(b.String())})
	}
	return all, nil
}

// webhookMessage is what a plain webhook gets.
type webhookMessage struct {
	Event      string             `json:"event"` // "deployment.began", "deployment.succeeded", …
	Deployment catalog.Deployment `json:"deployment"`
}

func (t Tidings) webhook() any {
	record := t.Record
	record.Declared = nil // how the service is routed is nobody else's business
	return webhookMessage{Event: "deployment." + t.event(), Deployment: record}
}

// event is what has happened, a word.
func (t Tidings) event() string {
	switch {
	case t.Record.State == catalog.AwaitingApproval, t.Record.State.Ended():
		return string(t.Record.State)
	}
	return "began"
}

// slackMessage is what an incoming webhook of Slack's kind takes. Others that take
// it know no more of it than the text, so everything is in there.
type slackMessage struct {
	Text string `json:"text"` // mrkdwn
}

func (t Tidings) slack() any {
	text := t.sign() + " " + slackEscape(t.headline())
	if reason := t.reason(); reason != "" {
		text += "\n```\n" + slackEscape(strings.ReplaceAll(reason, "```", "'''")) + "\n```"
	}
	return slackMessage{Text: text + "\n" + slackEscape(t.circumstances())}
}

// slackEscape keeps text from being taken for links and mentions.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// headline is what happened, a sentence without a full stop.
func (t Tidings) headline() string {
	r := t.Record
	what := fmt.Sprintf("%s %s", r.Service, r.Release)
	switch r.State {
	case catalog.Succeeded:
		return fmt.Sprintf("%s is live in %s", what, r.Environment)
	case catalog.Failed:
		return fmt.Sprintf("%s did not get to %s", what, r.Environment)
	case catalog.Aborted:
		return fmt.Sprintf("%s: the deployment to %s was stopped", what, r.Environment)
	case catalog.Superseded:
		return fmt.Sprintf("%s: the deployment to %s gave way to another", what, r.Environment)
	case catalog.RolledBack:
		return fmt.Sprintf("%s was live in %s and was taken back", what, r.Environment)
	case catalog.RollbackFailed:
		return fmt.Sprintf("%s in %s could not be taken back: somebody must look at once", what, r.Environment)
	case catalog.AwaitingApproval:
		return fmt.Sprintf("%s waits for approval to go live in %s", what, r.Environment)
	}
	return fmt.Sprintf("%s is on its way to %s", what, r.Environment)
}

func (t Tidings) sign() string {
	switch verdictOf(t.Record.State) {
	case good:
		return ":white_check_mark:"
	case bad:
		return ":x:"
	case broken:
		return ":rotating_light:"
	}
	return ":information_source:"
}

func (t Tidings) reason() string {
	reason := []rune(strings.TrimSpace(printable.Text(t.Record.Reason)))
	if len(reason) > maxReason {
		return string(reason[:maxReason]) + "…"
	}
	return string(reason)
}

// circumstances are where, who, from which commit and how long.
func (t Tidings) circumstances() string {
	r := t.Record
	all := []string{r.Target.String()}
	if r.By != "" {
		all = append(all, "by "+r.By)
	}
	if r.Revision != "" {
		all = append(all, "commit "+servicefile.ShortRevision(r.Revision))
	}
	if n := len(r.Timeline); n > 1 && r.State.Ended() && !t.ByHand {
		all = append(all, "took "+r.Timeline[n-1].At.Sub(r.Timeline[0].At).Round(100*time.Millisecond).String())
	}
	return strings.Join(append(all, "deployment "+r.ID), " · ")
}
