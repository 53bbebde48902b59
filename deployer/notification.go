package deployer

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
