package catalog

import "strings"

// DefaultPrefix is where Teal's keys lie unless set otherwise.
const DefaultPrefix = "teal"

// Keys spells the names of Consul keys below a prefix. The zero value uses
// DefaultPrefix.
type Keys struct {
	prefix string
}

// NewKeys spells keys below prefix; slashes around it do not matter.
func NewKeys(prefix string) Keys { return Keys{prefix: strings.Trim(prefix, "/")} }

func (k Keys) join(parts ...string) string {
	prefix := k.prefix
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return prefix + "/" + strings.Join(parts, "/")
}

// cut splits what follows a folder into n parts.
func (k Keys) cut(folder, key string, n int) ([]string, bool) {
	rest, ok := strings.CutPrefix(key, folder)
	if !ok {
		return nil, false
	}
	parts := strings.Split(rest, "/")
	if len(parts) != n {
		return nil, false
	}
	for _, p := range parts {
		if p == "" {
			return nil, false
		}
	}
	return parts, true
}

// Aliases is the folder of all aliases.
func (k Keys) Aliases() string { return k.join("aliases", "") }

// Alias is the key whose value is what the alias points at.
func (k Keys) Alias(service, alias string) string { return k.join("aliases", service, alias) }

// CutAlias reads the service and alias out of a key.
func (k Keys) CutAlias(key string) (service, alias string, ok bool) {
	return cut2(k.cut(k.Aliases(), key, 2))
}

// Services is the folder of all service configurations.
func (k Keys) Services() string { return k.join("services", "") }

// Service is the key of a service's configuration.
func (k Keys) Service(service string) string { return k.join("services", service) }

// CutService reads the service out of a key.
func (k Keys) CutService(key string) (string, bool) { return cut1(k.cut(k.Services(), key, 1)) }

// Releases is the folder of all releases.
func (k Keys) Releases() string { return k.join("releases", "") }

// ReleasesOf is the folder of one service's releases.
func (k Keys) ReleasesOf(service string) string { return k.join("releases", service, "") }

// Release is the key of what a target holds.
func (k Keys) Release(service string, t Target) string {
	return k.join("releases", service, t.String())
}

// CutRelease reads the service and the target's text out of a key.
func (k Keys) CutRelease(key string) (service, target string, ok bool) {
	return cut2(k.cut(k.Releases(), key, 2))
}

// Flips is the folder of all flip records.
func (k Keys) Flips() string { return k.join("flips", "") }

// Flip is the key of an alias's last flip.
func (k Keys) Flip(service, alias string) string { return k.join("flips", service, alias) }

// CutFlip reads the service and alias out of a key.
func (k Keys) CutFlip(key string) (service, alias string, ok bool) {
	return cut2(k.cut(k.Flips(), key, 2))
}

// Deployments is the folder of a service's deployments in an environment.
func (k Keys) Deployments(service, env string) string {
	return k.join("deployments", service, env, "")
}

// Deployment is the key of one deployment.
func (k Keys) Deployment(service, env, id string) string {
	return k.join("deployments", service, env, id)
}

// Decision is the key of somebody's word about a deployment.
func (k Keys) Decision(service, env, id string) string {
	return k.join("decisions", service, env, id)
}

// Lock is the key that a deployer's session holds.
func (k Keys) Lock(service, env string) string { return k.join("locks", service, env) }

// Guards is the folder of the keys held during flips.
func (k Keys) Guards() string { return k.join("guards", "") }

// Guard is the key held, during a flip, by a session that dies with the checks
// of the new instances on a node.
func (k Keys) Guard(service, alias, node, id string) string {
	return k.join("guards", service, alias, node, id)
}

// Routers is the folder of the living routers.
func (k Keys) Routers() string { return k.join("routers", "") }

// Router is the key of one living router.
func (k Keys) Router(id string) string { return k.join("routers", id) }

// Hosts is the folder of the Docker hosts.
func (k Keys) Hosts() string { return k.join("hosts", "") }

// Host is the key of the Docker host that a Consul node is.
func (k Keys) Host(node string) string { return k.join("hosts", node) }

// CutHost reads the node out of a key.
func (k Keys) CutHost(key string) (string, bool) { return cut1(k.cut(k.Hosts(), key, 1)) }

// Halts is the folder of the aliases that are paused or under maintenance.
func (k Keys) Halts() string { return k.join("halts", "") }

// Halt is the key whose presence halts an alias.
func (k Keys) Halt(service, alias string) string { return k.join("halts", service, alias) }

// CutHalt reads the service and alias out of a key.
func (k Keys) CutHalt(key string) (service, alias string, ok bool) {
	return cut2(k.cut(k.Halts(), key, 2))
}

func cut1(parts []string, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	return parts[0], true
}

// Drains is the folder of the requests to drain instances of a node.
func (k Keys) Drains(node string) string { return k.join("drains", node, "") }

// Drain is the key of the request to drain one instance of a node.
func (k Keys) Drain(node, id string) string { return k.join("drains", node, id) }

// CutDrain reads the instance's id, which may hold slashes, out of a key of a
// node's folder.
func (k Keys) CutDrain(node, key string) (id string, ok bool) {
	id, ok = strings.CutPrefix(key, k.Drains(node))
	return id, ok && id != "" && !strings.HasSuffix(id, "/")
}

func cut2(parts []string, ok bool) (string, string, bool) {
	if !ok {
		return "", "", false
	}
	return parts[0], parts[1], true
}
