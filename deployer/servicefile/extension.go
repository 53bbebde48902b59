package servicefile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

// extension reads x-teal into spec, whose parts are known already.
func (r *reader) extension(spec *Spec, project *types.Project) {
	value, ok := project.Extensions[Extension]
	if !ok {
		r.complain(nil, "the file has no %s; add one with at least an environment and its hosts", Extension)
		return
	}
	top := field{reader: r, path: []string{Extension}, value: value}
	if _, ok := value.(map[string]any); !ok {
		top.wants("a mapping")
		return
	}
	x := top.mapping(append([]string{
		"service", "part", "port", "description", "owner", "source", "docs", "release",
		"check", "settle", "timeout", "drain", "protocol", "traffic", "routes", "tcp", "preview", "environments",
		"tasks", "selftest",
	}, overridable...)...)
	spec.Description, spec.Owner = x["description"].text(), x["owner"].text()
	spec.Source, spec.Docs = x["source"].text(), x["docs"].text()
	spec.Release = x["release"].release()
	spec.Check = x["check"].check()
	spec.Settle = x["settle"].duration(0, DefaultSettle)
	spec.Timeout = x["timeout"].duration(time.Millisecond, DefaultTimeout)
	spec.Drain = x["drain"].duration(0, DefaultDrain)
	spec.Protocol = x["protocol"].protocol()
	spec.Traffic = x["traffic"].traffic()
	spec.Routes, spec.TCP, spec.Preview = x["routes"].routes(), x["tcp"].tcpRoutes(), x["preview"].previews()
	spec.Routed = x["part"].routedPart(spec.Parts)
	spec.Port = x["port"].routedPort(spec.Parts, spec.Routed)
	spec.Service = x["service"].serviceName(spec, project)
	spec.Environments = x["environments"].environments()
	spec.Tasks, spec.SelfTest = x["tasks"].tasks(spec), x["selftest"].selfTest(spec)
	spec.apply(x.override())
	r.checkPreviews(spec)
	r.checkReach(spec)
	r.checkShared(spec)
	r.checkRegistries(spec)
	r.checkTogether(spec, x)
}

// checkTogether looks at settings that mean something only with others.
func (r *reader) checkTogether(spec *Spec, x fields) {
	switch {
	case spec.Traffic.DrainMS == 0 && x["drain"].value != nil:
		spec.Traffic.DrainMS = min(spec.Drain, catalog.MaxTrafficTime).Milliseconds()
	case spec.Traffic.DrainMS > spec.Drain.Milliseconds():
		r.warn([]string{Extension, "traffic", "timeouts", "drain"}, "streams may stay longer than a deployment waits for them (%s); raise %s.drain too for it to see them end", spec.Drain, Extension)
	}
	label := spec.routedLabels()[catalog.ServiceProtocol]
	if label != "" && spec.Protocol != "" {
		r.warn([]string{"services", spec.Routed, "labels", catalog.ServiceProtocol}, "part %s sets the label %s, which %s.protocol sets too; the latter counts", spec.Routed, catalog.ServiceProtocol, Extension)
	}
	if cmp.Or(spec.Protocol, label) == catalog.ProtocolTCP {
		r.checkWithoutHTTP(spec)
	}
	if spec.Traffic.TLS != nil && cmp.Or(spec.Protocol, label) != catalog.ProtocolHTTPS {
		r.warn([]string{Extension, "traffic", "tls"}, "the instances are not asked for TLS, as %s.protocol is not %s", Extension, catalog.ProtocolHTTPS)
	}
}

// checkReach tells of requests that only routers on the same host could send on.
func (r *reader) checkReach(spec *Spec) {
	for _, p := range spec.Parts {
		if p.Name != spec.Routed {
			continue
		}
		var addresses []string
		for _, port := range p.Ports {
			if port.Private != spec.Port || port.Protocol != "tcp" {
				continue
			}
			if ip, err := netip.ParseAddr(port.HostIP); err != nil || !ip.IsLoopback() {
				return
			}
			addresses = append(addresses, port.HostIP)
		}
		if len(addresses) > 0 {
			r.warn([]string{"services", p.Name, "ports"}, "part %s takes the requests on %s only, which routers on other hosts can't reach: it is registered only where Consul's agent listens on loopback too; write `- \"%d\"` for all addresses of its host", p.Name, strings.Join(addresses, " and "), spec.Port)
		}
	}
}

// checkRegistries tells of registries that no image is pulled from.
func (r *reader) checkRegistries(spec *Spec) {
	if slices.ContainsFunc(spec.Parts, func(p Part) bool { return p.Build != nil }) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(spec.Environments)) {
		if spec.Environments[name].Registry != "" {
			f := r.field(Extension, "environments", name, "registry")
			r.warn(f.path, "%s does nothing, as it is for the images of parts with build, and there are none", f.name())
		}
	}
}

// checkWithoutHTTP looks for what a service that speaks no HTTP can't have.
func (r *reader) checkWithoutHTTP(spec *Spec) {
	r.checkLimitsWithoutHTTP([]string{Extension}, Override{Smoke: spec.Gates.Smoke, Canary: spec.Canary, Bake: spec.Bake})
	for _, name := range slices.Sorted(maps.Keys(spec.Environments)) {
		r.checkLimitsWithoutHTTP([]string{Extension, "environments", name}, spec.Environments[name].Override)
	}
}

func (r *reader) checkLimitsWithoutHTTP(path []string, said Override) {
	if len(said.Smoke) > 0 {
		f := r.field(append(slices.Clone(path), "smoke")...)
		f.complain("%s asks over HTTP, which a service of the protocol tcp does not speak; use %s.test", f.name(), Extension)
	}
	limits := map[string]Limits{}
	if said.Canary != nil {
		limits["canary"] = said.Canary.Limits
	}
	if said.Bake != nil {
		limits["bake"] = said.Bake.Limits
	}
	for _, key := range slices.Sorted(maps.Keys(limits)) {
		if l := limits[key]; l.ErrorRate != nil || l.P95 != 0 {
			f := r.field(append(slices.Clone(path), key)...)
			f.complain("%s has limits on HTTP answers, which a service of the protocol tcp does not give; take max_error_rate and max_p95 out", f.name())
		}
	}
}

func (f field) release() string {
	id := f.text()
	const longest = 128
	if len(id) > longest || !IsRelease(id) {
		f.complain("%s must be at most %d letters, digits, dots, hyphens, underscores or plus signs, and is %q", f.name(), longest, id)
	}
	return id
}

// IsRelease tells whether a release may be called so: an image's tag may, but for
// the plus sign of a version.
func IsRelease(id string) bool {
	return !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-+", r)
	})
}

func (f field) check() Check {
	x := f.mapping("http", "tcp", "interval", "timeout")
	c := Check{
		HTTP:     x["http"].text(),
		TCP:      x["tcp"].flag(false),
		Interval: x["interval"].duration(10*time.Millisecond, DefaultCheckInterval),
		Timeout:  x["timeout"].duration(10*time.Millisecond, DefaultCheckTimeout),
	}
	switch {
	case c.HTTP != "" && c.TCP:
		x["tcp"].complain("%s has both http and tcp; keep one, as http implies the connection", f.name())
	case c.HTTP != "" && !strings.HasPrefix(c.HTTP, "/"):
		x["http"].complain("%s must be a path that begins with a slash, such as /health, and is %q", x["http"].name(), c.HTTP)
	case c.HTTP == "":
		c.TCP = true
	}
	return c
}

func (f field) routes() []catalog.Route {
	var routes []catalog.Route
	for _, item := range f.texts() {
		route, err := catalog.ParseRoute(item.text())
		if err != nil {
			item.complain("%s", err)
			continue
		}
		if slices.Contains(routes, route) {
			item.complain("route %q is listed twice", route)
			continue
		}
		routes = append(routes, route)
	}
	return routes
}

func (f field) serviceName(spec *Spec, project *types.Project) string {
	name := f.text()
	switch {
	case name != "":
	case f.source.has("name"):
		f, name = f.reader.field("name"), project.Name
	default:
		f, name = f.reader.field("services", spec.Routed), spec.Routed
	}
	if name == "" && spec.Routed == "" {
		return "" // that there is no routed part is told already
	}
	if err := catalog.CheckName("service", name); err != nil {
		f.complain("%s; or name it in %s.service", err, Extension)
	}
	return name
}

func (r *reader) field(path ...string) field { return field{reader: r, path: path} }

func (f field) routedPart(parts []Part) string {
	if name := f.text(); name != "" {
		if !slices.ContainsFunc(parts, func(p Part) bool { return p.Name == name }) {
			f.complain("%s names %q, which is no compose service; there are %s", f.name(), name, strings.Join(partNames(parts), ", "))
			return ""
		}
		return name
	}
	var listening []Part
	for _, p := range parts {
		if len(p.Ports) > 0 && !p.Shared {
			listening = append(listening, p)
		}
	}
	switch len(listening) {
	case 1:
		return listening[0].Name
	case 0:
		f.complain("no compose service has ports, so none can take requests; give one a port, such as `- \"8080\"`")
	default:
		f.complain("%s have ports; say which takes the requests with %s.part", strings.Join(partNames(listening), " and "), Extension)
	}
	return ""
}

func (f field) routedPort(parts []Part, routed string) int {
	port := f.number(1, 65535, 0)
	n := slices.IndexFunc(parts, func(p Part) bool { return p.Name == routed })
	if n < 0 {
		return port
	}
	var tcp []int
	for _, p := range parts[n].Ports {
		if p.Protocol == "tcp" && !slices.Contains(tcp, p.Private) { // it may be published on several addresses
			tcp = append(tcp, p.Private)
		}
	}
	switch {
	case len(tcp) == 0:
		f.reader.complain([]string{"services", routed}, "part %s takes the requests but has no TCP port; give it one, such as `- \"8080\"`", routed)
	case port == 0 && len(tcp) > 1:
		f.reader.complain([]string{"services", routed, "ports"}, "part %s has several ports; say which takes the requests with %s.port: %d", routed, Extension, tcp[0])
	case port == 0:
		return tcp[0]
	case !slices.Contains(tcp, port):
		f.complain("%s is %d, which is none of the ports of part %s; add `- \"%d\"` to them", f.name(), port, routed, port)
	}
	return port
}

func partNames(parts []Part) []string {
	names := make([]string, len(parts))
	for n, p := range parts {
		names[n] = p.Name
	}
	slices.Sort(names)
	return names
}
