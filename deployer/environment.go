package deployer

import (
	"slices"

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
	return all
}

func (f field) environment(name string) Environment {
	x := f.mapping("hosts", "replicas", "coloured", "routes", "tcp", "preview")
	env := Environment{
		Name:     name,
		Replicas: x["replicas"].number(1, maxReplicas, 1),
		Coloured: x["coloured"].flag(true),
		Routes:   x["routes"].routes(),
		TCP:      x["tcp"].tcpRoutes(),
		Preview:  x["preview"].previews(),
	}
	x["hosts"].hosts(&env)
	if _, ok := f.value.(map[string]any); x["hosts"].value == nil && (ok || f.value == nil) {
		f.complain("environment %s has no hosts; add hosts: [unix:///var/run/docker.sock], or wherever its Docker engines are", name)
	}
	return env
}

// hosts reads where the environment is: endpoints, each by itself or with the
// weight of the instances there.
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
			env.Hosts = append(env.Hosts, endpoint)
			env.weigh(endpoint, weight)
		}
	}
}
