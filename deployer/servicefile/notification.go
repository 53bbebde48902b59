package servicefile

import (
	"fmt"
	"strings"
)

// Notify is somebody who is told how a deployment went.
type Notify struct {
	Kind NotifyKind
	// URL is where the message goes; empty where Variable names what holds it, as
	// most such addresses are secret.
	URL      string `json:",omitempty"`
	Variable string `json:",omitempty"`
	When     NotifyWhen
}

// NotifyKind is the form of a message.
type NotifyKind string

// The forms.
const (
	NotifySlack    NotifyKind = "slack"    // what Slack and its likes take at an incoming webhook
	NotifyWebhook  NotifyKind = "webhook"  // the deployment's record as JSON
	NotifyCDEvents NotifyKind = "cdevents" // a CloudEvent of the CDEvents vocabulary
)

// NotifyWhen is which outcomes are told.
type NotifyWhen string

// The choices.
const (
	NotifyChange  NotifyWhen = "change"  // one that is not what the deployment before ended with
	NotifyFailure NotifyWhen = "failure" // all but success
	NotifyAlways  NotifyWhen = "always"  // all, and the beginning
)

// Name tells those who are notified apart without an address.
func (n Notify) Name() string {
	if n.Variable == "" {
		return "the " + string(n.Kind) + " address of the service file"
	}
	return fmt.Sprintf("the %s address in the variable %s", n.Kind, n.Variable)
}

// Address is where one is told; empty where the variable is not set.
func (n Notify) Address(environ []string) string {
	if n.Variable != "" {
		return strings.TrimSpace(Variable(environ, n.Variable))
	}
	return n.URL
}
