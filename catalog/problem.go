package catalog

import "fmt"

// Problem is one thing that is wrong with what lies in Consul or on a host. It
// is shown to people and never stops anything but its own subject.
type Problem struct {
	Service string `json:"service,omitempty"`
	Subject string `json:"subject"` // what it is about: an instance id, a key, a container
	Message string `json:"message"` // a sentence with what to do
}

// String is the problem on one line.
func (p Problem) String() string {
	if p.Service == "" {
		return fmt.Sprintf("%s: %s", p.Subject, p.Message)
	}
	return fmt.Sprintf("%s: %s: %s", p.Service, p.Subject, p.Message)
}
