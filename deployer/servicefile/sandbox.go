package servicefile

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

// sandbox reads what a part may take of its host and do there.
func (r *reader) sandbox(s types.ServiceConfig) catalog.Sandbox {
	var deployed types.Resource
	if s.Deploy != nil && s.Deploy.Resources.Limits != nil {
		deployed = *s.Deploy.Resources.Limits
	}
	box := catalog.Sandbox{
		Memory:   r.limit(s.Name, "mem_limit", int64(s.MemLimit), "memory", int64(deployed.MemoryBytes)),
		NanoCPUs: r.limit(s.Name, "cpus", nanoCPUs(s.CPUS), "cpus", nanoCPUs(deployed.NanoCPUs.Value())),
		PIDs:     r.limit(s.Name, "pids_limit", s.PidsLimit, "pids", deployed.Pids),
		ShmSize:  int64(s.ShmSize), Ulimits: r.ulimits(s),
		CapAdd: r.capAdd(s), CapDrop: slices.Concat(s.CapDrop), SecurityOpt: r.securityOpt(s), ReadOnly: s.ReadOnly,
		Tmpfs: tmpfs(s), Sysctls: texts(s.Sysctls), Hostname: s.Hostname, StopSignal: s.StopSignal,
		Init: s.Init != nil && *s.Init,
	}
	if len(s.ExtraHosts) > 0 {
		box.ExtraHosts = slices.Sorted(slices.Values(s.ExtraHosts.AsList(":")))
	}
	if s.Logging != nil {
		box.LogDriver, box.LogOptions = s.Logging.Driver, texts(s.Logging.Options)
	}
	return box
}

// limit is a limit that Compose lets be said in two places.
func (r *reader) limit(part, key string, own int64, deployKey string, deployed int64) int64 {
	if own != 0 && deployed != 0 && own != deployed {
		r.complain([]string{"services", part, key}, "part %s has another %s than deploy.resources.limits.%s; keep one of them", part, key, deployKey)
	}
	return cmp.Or(own, deployed)
}

// nanoCPUs are processors in billionths. Compose keeps six digits of them.
func nanoCPUs(processors float32) int64 {
	const digits, rest = 1e6, 1000
	return int64(math.Round(float64(processors)*digits)) * rest
}

func (r *reader) ulimits(s types.ServiceConfig) []catalog.Ulimit {
	var all []catalog.Ulimit
	for _, name := range slices.Sorted(maps.Keys(s.Ulimits)) {
		u := s.Ulimits[name]
		one := catalog.Ulimit{Name: name, Soft: int64(u.Soft), Hard: int64(u.Hard)}
		if u.Single != 0 {
			one.Soft, one.Hard = int64(u.Single), int64(u.Single)
		}
		if one.Hard >= 0 && (one.Soft < 0 || one.Soft > one.Hard) {
			r.complain([]string{"services", s.Name, "ulimits", name}, "part %s has a soft limit %s above the hard one; lower it", s.Name, name)
		}
		all = append(all, one)
	}
	return all
}

// capAdd refuses what is as good as privileged.
func (r *reader) capAdd(s types.ServiceConfig) []string {
	if slices.ContainsFunc(s.CapAdd, func(name string) bool { return strings.EqualFold(name, "ALL") }) {
		r.complain([]string{"services", s.Name, "cap_add"}, "part %s has all capabilities, as a privileged container does, and Teal starts plain containers only; name those it needs", s.Name)
	}
	return slices.Concat(s.CapAdd) // nil for an empty list, as texts
}

// securityOpt reads options as engines take them. Those that name a file of the
// machine that deploys, or that clients have to spell out, are refused.
func (r *reader) securityOpt(s types.ServiceConfig) []string {
	var all []string
	for n, text := range s.SecurityOpt {
		name, value, said := strings.Cut(text, "=")
		if !said {
			name, value, said = strings.Cut(text, ":")
		}
		if !said && name == "no-new-privileges" {
			value = "true"
		}
		_, notFlag := strconv.ParseBool(value)
		switch {
		case name == "no-new-privileges" && notFlag == nil, name == "apparmor" && value != "", name == "label" && value != "",
			name == "seccomp" && slices.Contains([]string{"unconfined", "builtin"}, value):
			all = append(all, name+"="+value)
		case name == "seccomp":
			r.complain([]string{"services", s.Name, "security_opt", strconv.Itoa(n)}, "part %s has a seccomp profile of its own, which Teal does not carry over; set it as the engine's default (seccomp-profile in daemon.json)", s.Name)
		default:
			r.complain([]string{"services", s.Name, "security_opt", strconv.Itoa(n)}, "part %s has the security_opt %q, which Teal does not carry over; it takes no-new-privileges:true, apparmor:, label: and seccomp:unconfined", s.Name, text)
		}
	}
	return all
}

func tmpfs(s types.ServiceConfig) map[string]string {
	var all map[string]string
	for _, text := range s.Tmpfs {
		if all == nil {
			all = map[string]string{}
		}
		path, opts, _ := strings.Cut(text, ":")
		all[path] = opts
	}
	return all
}

// texts is nil where there are none, as digests tell nil from empty.
func texts[M ~map[string]string](m M) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}
