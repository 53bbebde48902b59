package servicefile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"teal/catalog"
)

// dropped are the top-level keys of a Compose file that mean nothing in a
// service file once its parts do without them.
var dropped = []string{"version", "networks", "models", "jobs"}

// fromCompose takes over a Compose file, less what Teal does not carry over.
func (d *draft) fromCompose() error {
	src, err := parseSource(d.opt.Compose)
	if err != nil {
		return fmt.Errorf("read the Compose file: %w", err)
	}
	if src.has(Extension) {
		return fmt.Errorf("the Compose file has a section %s, so it is a service file already; see what `teal lint` says of it", Extension)
	}
	parts := src.keys("services")
	if len(parts) == 0 {
		return fmt.Errorf("the Compose file has no services; name an image instead")
	}
	d.file, d.others = src.root, len(parts) > 1
	for _, key := range dropped {
		dropKey(d.file, key)
	}
	for _, part := range parts {
		d.carryOver(part, src.node("services", part))
	}
	if err := d.choosePart(src, parts); err != nil {
		return err
	}
	d.name(src)
	return nil
}

// carryOver makes a Compose service into a part: without what Teal does not
// carry over, with an image, and with ports that are the host's choice.
func (d *draft) carryOver(name string, part *yaml.Node) {
	if part == nil || part.Kind != yaml.MappingNode {
		return // lint tells it
	}
	for _, key := range keysOf(part) {
		if way, ok := refused[key]; ok {
			d.leftOut = append(d.leftOut, fmt.Sprintf("%s of part %s: %s", key, name, way))
			dropKey(part, key)
		}
		if slices.Contains(ignored, key) {
			d.leftOut = append(d.leftOut, fmt.Sprintf("%s of part %s: Teal starts it without", key, name))
			dropKey(part, key)
		}
	}
	d.trimDeploy(name, part)
	if restart := valueOf(part, "restart"); restart != nil && restart.Value == types.RestartPolicyAlways {
		restart.Value = types.RestartPolicyUnlessStopped // as it is started anyway
	}
	if valueOf(part, "image") == nil && valueOf(part, "<<") == nil && valueOf(part, "extends") == nil {
		image := scalar(name + ":${TEAL_RELEASE:-latest}")
		image.LineComment = "# put the registry before it that the hosts pull from"
		part.Content = append([]*yaml.Node{scalar("image"), image}, part.Content...)
	}
	if ports := valueOf(part, "ports"); ports != nil {
		freePorts(ports)
	}
}

// trimDeploy leaves of deploy what Teal carries over, which is its limits.
func (d *draft) trimDeploy(name string, part *yaml.Node) {
	deploy := valueOf(part, "deploy")
	if deploy == nil || deploy.Kind != yaml.MappingNode {
		return
	}
	d.trim(name, "deploy", deploy, "resources")
	resources := valueOf(deploy, "resources")
	if resources != nil && resources.Kind == yaml.MappingNode {
		d.trim(name, "deploy.resources", resources, "limits")
	}
	if resources == nil || len(resources.Content) == 0 {
		dropKey(part, "deploy")
	}
}

// trim takes all keys but one out of a mapping.
func (d *draft) trim(part, called string, mapping *yaml.Node, but string) {
	for _, key := range keysOf(mapping) {
		if key != but {
			d.leftOut = append(d.leftOut, fmt.Sprintf("%s.%s of part %s: Teal starts it without", called, key, part))
			dropKey(mapping, key)
		}
	}
}

// freePorts takes the fixed ports of the host out of a list of ports. Its
// addresses stay: without them, all the world could reach what is the host's alone.
func freePorts(ports *yaml.Node) {
	for _, p := range ports.Content {
		switch p.Kind {
		case yaml.MappingNode:
			dropKey(p, "published")
		case yaml.ScalarNode:
			if port := hostAddress(p.Value) + containerPort(p.Value); port != p.Value {
				*p = *scalar(port)
				p.Style = yaml.DoubleQuotedStyle
			}
		}
	}
}

// containerPort is the container's side of a port as Compose writes it:
// "8080/udp" of "127.0.0.1:80:8080/udp". A variable with a default has a colon
// too.
func containerPort(text string) string { return text[lastColon(text)+1:] }

// hostAddress is the address of the host in a port as Compose writes it, with what
// parts it from the container's side: "127.0.0.1::" of "127.0.0.1:80:8080/udp".
func hostAddress(text string) string {
	published := text[:max(lastColon(text), 0)]
	if n := lastColon(published); n >= 0 {
		return published[:n] + "::"
	}
	return ""
}

// lastColon is where the last colon stands that is in no variable; -1 for nowhere.
func lastColon(text string) int {
	depth, last := 0, -1
	for n, r := range text {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth == 0 {
				last = n
			}
		}
	}
	return last
}

// choosePart decides which part takes the requests, and gives it the port that
// was asked for.
func (d *draft) choosePart(src source, parts []string) error {
	d.part = d.opt.Part
	if d.part == "" {
		n := slices.IndexFunc(parts, func(p string) bool { return firstPort(src, p) != 0 })
		switch {
		case n >= 0:
			d.part = parts[n]
		case len(parts) == 1 && d.opt.Port != 0:
			d.part = parts[0]
		default:
			return errNoPort
		}
	}
	if !slices.Contains(parts, d.part) {
		return fmt.Errorf("the Compose file has no service %q; it has %s", d.part, strings.Join(parts, ", "))
	}
	d.port = d.opt.Port
	if d.port == 0 {
		d.port = firstPort(src, d.part)
	}
	if d.port == 0 {
		return errNoPort
	}
	addPort(src.node("services", d.part), d.port)
	return nil
}

// addPort lists a port that a part has not got.
func addPort(part *yaml.Node, port int) {
	text := strconv.Itoa(port)
	ports := valueOf(part, "ports")
	if ports == nil {
		part.Content = append(part.Content, scalar("ports"), portList(text))
		return
	}
	for _, p := range ports.Content {
		if portOf(p) == port {
			return
		}
	}
	ports.Content = append(ports.Content, portList(text).Content...)
}

// firstPort is the first TCP port that a part publishes or exposes by number.
func firstPort(src source, part string) int {
	for _, key := range []string{"ports", "expose"} {
		list := src.node("services", part, key)
		if list == nil {
			continue
		}
		for _, p := range list.Content {
			if port := portOf(p); port != 0 {
				return port
			}
		}
	}
	return 0
}

// portOf is the TCP port of an entry, or 0 where it is none or not a number.
func portOf(p *yaml.Node) int {
	text := p.Value
	if p.Kind == yaml.MappingNode {
		target, protocol := valueOf(p, "target"), valueOf(p, "protocol")
		if target == nil || protocol != nil && protocol.Value != "tcp" {
			return 0
		}
		text = target.Value
	}
	port, _ := strconv.Atoi(strings.TrimSuffix(containerPort(text), "/tcp"))
	return port
}

// name makes sure that the service gets a name that it may have.
func (d *draft) name(src source) {
	name := d.part
	if n := src.node("name"); n != nil {
		name = n.Value
	}
	if catalog.CheckName("service", name) != nil {
		if d.service = nameFrom(name); d.service == "" || strings.Contains(name, "$") {
			d.service = nameFrom(d.part)
		}
	}
}
