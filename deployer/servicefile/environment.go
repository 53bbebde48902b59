package servicefile

import (
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"teal/catalog"
)

func (f field) environments() map[string]Environment {
	all := map[string]Environment{}
	entries := f.entries()
	if _, ok := f.value.(map[string]any); len(entries) == 0 && (ok || f.value == nil) {
		f.complain("there are no environments; add %s.environments with one and its hosts, such as production: {hosts: [unix:///var/run/docker.sock]}", Extension)
	}
	for _, name := range entries.keys() {
		if err := catalog.CheckEnvironment(name); err != nil {
			entries[name].complain("%s", err)
			continue
		}
		all[name] = entries[name].environment(name)
	}
	f.checkRequired(all)
	f.checkAliases(all)
	return all
}

func (f field) environment(name string) Environment {
	x := f.mapping(append([]string{
		"hosts", "replicas", "coloured", "routes", "tcp", "preview", "at_least", "batch", "requires", "approval",
		"registry", "standby", "keep", "secrets", "configs", "aliases",
	}, overridable...)...)
	env := Environment{
		Name:     name,
		Replicas: x["replicas"].number(1, maxReplicas, 1),
		AtLeast:  x["at_least"].count(),
		Batch:    x["batch"].count(),
		Requires: x["requires"].text(),
		Approval: x["approval"].approval(),
		Registry: x["registry"].registry(),
		Keep:     x["keep"].number(leastKeep, maxKeep, 0),
		Aliases:  x["aliases"].aliases(),
		Coloured: x["coloured"].flag(true),
		Override: x.override(),
		Routes:   x["routes"].routes(),
		TCP:      x["tcp"].tcpRoutes(),
		Preview:  x["preview"].previews(),
	}
	env.StopStandby = choice(x["standby"], standbyRunning, standbyStopped) == standbyStopped
	x["hosts"].places(&env)
	f.reader.own(name, x)
	if _, ok := f.value.(map[string]any); x["hosts"].value == nil && (ok || f.value == nil) {
		f.complain("environment %s has no hosts; add hosts: [unix:///var/run/docker.sock], or wherever its Docker engines are", name)
	}
	if n := len(env.Hosts); n > 0 && env.AtLeast > n {
		x["at_least"].complain("%s is %d, and environment %s lists no more than %d; lower it, or leave it out for all of them", x["at_least"].name(), env.AtLeast, name, n)
	}
	x.checkUncoloured(env)
	return env
}

// standby is what becomes of the old colour's containers.
type standby string

const (
	standbyRunning standby = "running"
	standbyStopped standby = "stopped"
)

const (
	leastKeep = 2 // live and standby
	maxKeep   = 1000
	maxHosts  = 10_000
)

// checkUncoloured tells what is of no use where there is one target only.
func (x fields) checkUncoloured(env Environment) {
	if env.Coloured {
		return
	}
	if env.Approval != nil {
		x["approval"].complain("%s asks for a word that comes too late: environment %s has no second colour, so its users meet the release while it is waited for; take out coloured: false, or the approval", x["approval"].name(), env.Name)
	}
	if len(env.Aliases) > 0 {
		x["aliases"].complain("%s can't move with environment %s, which has one target and never moves; take out coloured: false, or the aliases", x["aliases"].name(), env.Name)
	}
	for _, key := range []string{"canary", "standby"} {
		if f := x[key]; f.value != nil && !f.isNone() {
			f.reader.warn(f.path, "%s does nothing, as environment %s has no second colour", f.name(), env.Name)
		}
	}
}

// count reads how many hosts: a number, or all, which is 0.
func (f field) count() int {
	if f.value == "all" {
		return 0
	}
	return f.number(1, maxHosts, 0)
}

// places reads where the environment is: hosts by their endpoints, or a selector
// over those that registrators record.
func (f field) places(env *Environment) {
	if _, ok := f.value.(map[string]any); !ok {
		f.hosts(env)
		return
	}
	selected := f.mapping("select")["select"]
	labels := selected.entries()
	if _, ok := selected.value.(map[string]any); len(labels) == 0 && (ok || selected.value == nil) {
		f.complain("%s selects no hosts; name labels that they must all have, such as select: {role: web}, or list their endpoints", f.name())
	}
	for _, label := range labels.keys() {
		value := labels[label].text()
		if label == "" || value == "" {
			labels[label].complain("%s is empty; write the label and the value that a registrator gives its host, as in --host-label role=web", labels[label].name())
			continue
		}
		if env.Selector == nil {
			env.Selector = map[string]string{}
		}
		env.Selector[label] = value
	}
}

// hosts reads endpoints, each by itself or with the weight of the instances there.
func (f field) hosts(env *Environment) {
	for _, item := range f.texts() {
		weight := 0
		if _, ok := item.value.(map[string]any); ok {
			x := item.mapping("endpoint", "weight")
			item, weight = x["endpoint"], x["weight"].number(1, catalog.MaxWeight, 0)
		}
		endpoint := item.text()
		switch {
		case endpoint == "":
			item.complain("the host is empty; write an endpoint such as unix:///var/run/docker.sock or ssh://web-1")
		case slices.Contains(env.Hosts, endpoint):
			item.complain("host %s is listed twice; for more instances on it, raise replicas", endpoint)
		default:
			item.checkEndpoint(endpoint)
			env.Hosts = append(env.Hosts, endpoint)
			env.weigh(endpoint, weight)
		}
	}
}

// checkEndpoint looks whether an engine can be there, or a host of the demo.
func (f field) checkEndpoint(endpoint string) {
	if strings.HasPrefix(endpoint, catalog.DemoScheme) {
		return
	}
	if err := catalog.CheckEndpoint(endpoint); err != nil {
		f.complain("%s", err)
	}
}

// registry reads where images are pulled from.
func (f field) registry() string {
	name := f.text()
	if name == "" {
		return ""
	}
	image, err := reference.ParseNormalizedNamed(name + "/image")
	if err != nil || reference.Domain(image) != name {
		f.complain("%s must be a registry's host and port, such as registry.example:5000, and is %q", f.name(), name)
		return ""
	}
	return name
}

// checkRequired looks at the order that the environments ask for.
func (f field) checkRequired(all map[string]Environment) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		first := all[name].Requires
		if first == "" {
			continue
		}
		at := f.reader.field(Extension, "environments", name, "requires")
		if _, ok := all[first]; !ok {
			others := slices.Sorted(maps.Keys(all))
			at.complain("environment %s requires %q, which is no environment of the file%s", name, first, didYouMean(first, others))
			continue
		}
		if circle := circleOf(all, name); circle != nil {
			at.complain("the environments require one another in a circle (%s), so none could be the first; break it", strings.Join(circle, " -> "))
		}
	}
}

// circleOf are the environments from name to itself along what each requires; nil
// where that ends.
func circleOf(all map[string]Environment, name string) []string {
	trail := []string{name}
	for next := all[name].Requires; next != "" && len(trail) <= len(all); next = all[next].Requires {
		trail = append(trail, next)
		if next == name {
			return trail
		}
	}
	return nil
}
