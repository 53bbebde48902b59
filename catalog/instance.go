package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The names of Teal's own meta fields. Tags alone are enough to be routed;
// meta says more and wins over tags.
const (
	MetaEnvironment = "environment"
	MetaColour      = "colour"
	MetaRelease     = "release"
	MetaRevision    = "revision"
	MetaImage       = "image"
	MetaContainer   = "container"
	MetaProtocol    = "protocol"
	MetaManagedBy   = "managed-by"
	MetaOwner       = "owner"
	MetaWeight      = "weight" // wins over the weights of Consul's own
)

// ManagedBy is the value of MetaManagedBy on what Teal's registrator wrote.
const ManagedBy = "teal"

// Environments are the names that a tag must have to be read as an environment
// where no meta says which tag it is.
var Environments = []string{"production", "integration", "staging", "test", "development"}

// Health is the worst of an instance's checks, its node's included.
type Health string

// The states of health, as Consul names them. Maintenance is somebody's wish
// and outranks every check.
const (
	Passing     Health = "passing"
	Warning     Health = "warning"
	Critical    Health = "critical"
	Maintenance Health = "maintenance"
)

// CheckStatus is one check of an instance, as last seen.
type CheckStatus struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status Health `json:"status"`
	OfNode bool   `json:"of_node,omitempty"` // of the node, and so of all its instances
	Output string `json:"output,omitempty"`  // what the check said; may be long
}

// Instance is one running copy of a service.
type Instance struct {
	ID        string `json:"id"` // unique on its node
	Service   string `json:"service"`
	Node      string `json:"node"`
	Address   string `json:"address"`
	Port      int    `json:"port"`
	Target    Target `json:"target"`
	Release   string `json:"release,omitempty"`
	Revision  string `json:"revision,omitempty"`
	Image     string `json:"image,omitempty"`
	Container string `json:"container,omitempty"`
	Protocol  string `json:"protocol,omitempty"`
	Owner     string `json:"owner,omitempty"`
	// Weight is the instance's share among those of its target; 0 is read as 1.
	Weight int `json:"weight,omitempty"`
	// ZeroWeight instances are registered but get no requests.
	ZeroWeight bool              `json:"zero_weight,omitempty"`
	Health     Health            `json:"health"`
	Checks     []CheckStatus     `json:"checks,omitempty"`
	Tags       []string          `json:"tags,omitempty"`
	Meta       map[string]string `json:"meta,omitempty"` // the user's own
}

// Entry is an instance as Consul holds it, before it is understood.
type Entry struct {
	ID      string
	Service string
	Node    string
	Address string
	Port    int
	Tags    []string
	Meta    map[string]string
	Checks  []CheckStatus
	Weights Weights
}

// Weights are Consul's own weights of an instance, by its health. Consul gives
// both as 1 where nobody set them; both 0 stands for that too.
type Weights struct {
	Passing int
	Warning int
}

// ParseInstance understands an entry. It answers false without a problem for an
// entry that is none of Teal's business (no colour, no environment), and with a
// problem for one that means to be routed and can't.
func ParseInstance(e Entry) (Instance, *Problem, bool) {
	target, found, err := targetOf(e)
	if !found && err == nil {
		return Instance{}, nil, false
	}
	if err == nil {
		err = CheckName("service", e.Service)
	}
	if err == nil && (e.Port < 1 || e.Port > 65535) {
		err = fmt.Errorf("port %d is not from 1 to 65535; register the instance with the port it listens on", e.Port)
	}
	if err == nil && e.Address == "" {
		err = fmt.Errorf("it has no address; register it with one that the routers can reach")
	}
	weight, wrong := weightOf(e)
	if err == nil {
		err = wrong
	}
	if err != nil {
		return Instance{}, &Problem{Service: e.Service, Subject: e.ID, Message: err.Error()}, false
	}
	i := instanceOf(e, target)
	i.ZeroWeight = weight == 0
	if weight > 1 {
		i.Weight = weight
	}
	return i, nil, true
}

// weightOf is the weight in meta, else Consul's own for the instance's health.
func weightOf(e Entry) (int, error) {
	text, set := e.Meta[MetaWeight]
	switch {
	case set:
		w, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || w < 0 || w > MaxWeight {
			return 0, fmt.Errorf("weight %q in its meta is not a whole number from 0 to %d; correct it or leave it out", text, MaxWeight)
		}
		return w, nil
	case e.Weights == Weights{}:
		return 1, nil
	case WorstOf(e.Checks) == Warning:
		return min(max(e.Weights.Warning, 0), MaxWeight), nil
	}
	return min(max(e.Weights.Passing, 0), MaxWeight), nil
}

func instanceOf(e Entry, target Target) Instance {
	i := Instance{
		ID: e.ID, Service: e.Service, Node: e.Node, Address: e.Address, Port: e.Port,
		Target: target, Health: WorstOf(e.Checks), Checks: e.Checks,
		Release: e.Meta[MetaRelease], Revision: e.Meta[MetaRevision], Image: e.Meta[MetaImage],
		Container: e.Meta[MetaContainer], Protocol: e.Meta[MetaProtocol], Owner: e.Meta[MetaOwner],
	}
	for _, tag := range e.Tags {
		if tag != target.Environment && tag != string(target.Colour) {
			i.Tags = append(i.Tags, tag)
		}
	}
	for k, v := range e.Meta {
		if !slices.Contains(ownMeta, k) {
			if i.Meta == nil {
				i.Meta = map[string]string{}
			}
			i.Meta[k] = v
		}
	}
	return i
}

var ownMeta = []string{
	MetaEnvironment, MetaColour, MetaRelease, MetaRevision, MetaImage,
	MetaContainer, MetaProtocol, MetaManagedBy, MetaOwner,
}

// targetOf finds the target in meta, else in tags.
func targetOf(e Entry) (Target, bool, error) {
	colour, err := colourOf(e)
	if err != nil {
		return Target{}, true, err
	}
	env, err := environmentOf(e, colour)
	if err != nil {
		return Target{}, true, err
	}
	if env == "" {
		return Target{}, false, nil
	}
	return Target{Colour: colour, Environment: env}, true, CheckEnvironment(env)
}

func colourOf(e Entry) (Colour, error) {
	if text := e.Meta[MetaColour]; text != "" {
		return ParseColour(text)
	}
	blue, green := slices.Contains(e.Tags, string(Blue)), slices.Contains(e.Tags, string(Green))
	switch {
	case blue && green:
		return "", fmt.Errorf("it is tagged both blue and green; keep one of the two tags")
	case blue:
		return Blue, nil
	case green:
		return Green, nil
	}
	return "", nil
}

func environmentOf(e Entry, colour Colour) (string, error) {
	if env := e.Meta[MetaEnvironment]; env != "" {
		return env, nil
	}
	var known, others []string
	for _, tag := range e.Tags {
		switch {
		case slices.Contains(Environments, tag):
			known = append(known, tag)
		case tag != string(colour):
			others = append(others, tag)
		}
	}
	switch {
	case len(known) == 1:
		return known[0], nil
	case len(known) > 1:
		return "", fmt.Errorf("it is tagged with several environments (%s); keep one, or name it in meta %q", strings.Join(known, ", "), MetaEnvironment)
	case colour == "":
		return "", nil
	case len(others) == 1:
		return others[0], nil
	}
	return "", fmt.Errorf("it is tagged %s but no tag is its environment; tag it with one (production, say) or set meta %q", colour, MetaEnvironment)
}

// WorstOf is the health that a set of checks amounts to; none at all is passing,
// as in Consul.
func WorstOf(checks []CheckStatus) Health {
	worst := Passing
	for _, c := range checks {
		if IsMaintenanceCheck(c.ID) {
			return Maintenance
		}
		if severity(c.Status) > severity(worst) {
			worst = c.Status
		}
	}
	return worst
}

func severity(h Health) int {
	switch h {
	case Passing:
		return 0
	case Warning:
		return 1
	}
	return 2
}

// IsMaintenanceCheck tells whether a check id is one of the two that Consul
// makes for maintenance mode: of a node, or of a service.
func IsMaintenanceCheck(id string) bool {
	return id == "_node_maintenance" || strings.HasPrefix(id, "_service_maintenance:")
}

// Routable tells whether the instance may get requests whatever the others are.
func (i Instance) Routable() bool { return i.Health == Passing && !i.ZeroWeight }

// EncodeTags is the tags of the instance as they are written to Consul:
// environment, colour, then the user's own.
func (i Instance) EncodeTags() []string {
	var tags []string
	for _, t := range append([]string{i.Target.Environment, string(i.Target.Colour)}, i.Tags...) {
		if t != "" && !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	return tags
}

// EncodeMeta is the meta of the instance as it is written to Consul. Empty
// fields are left out; the user's own never replace Teal's.
func (i Instance) EncodeMeta() map[string]string {
	meta := map[string]string{}
	maps.Copy(meta, i.Meta)
	for k, v := range map[string]string{
		MetaEnvironment: i.Target.Environment, MetaColour: string(i.Target.Colour),
		MetaRelease: i.Release, MetaRevision: i.Revision, MetaImage: i.Image,
		MetaContainer: i.Container, MetaProtocol: i.Protocol, MetaOwner: i.Owner,
	} {
		delete(meta, k)
		if v != "" {
			meta[k] = v
		}
	}
	delete(meta, MetaManagedBy)
	if i.Owner != "" {
		meta[MetaManagedBy] = ManagedBy
	}
	return meta
}

// Concerns tells whether a service with these tags may have instances that Teal
// routes: some tag is a colour or a well-known environment.
func Concerns(tags []string) bool {
	return slices.ContainsFunc(tags, func(tag string) bool {
		return tag == string(Blue) || tag == string(Green) || slices.Contains(Environments, tag)
	})
}
