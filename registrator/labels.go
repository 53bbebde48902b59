package registrator

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"teal/catalog"
)

// prefix begins every label and variable that is for the registrator.
const prefix = catalog.ServicePrefix

// The attributes that mean something, as they follow the prefix: SERVICE_NAME,
// or SERVICE_8080_NAME for one port. Any other becomes meta. Those of checks are
// in checkattr.go.
const (
	attrName        = "NAME"
	attrID          = "ID"
	attrTags        = "TAGS"
	attrIgnore      = "IGNORE"
	attrEnvironment = "ENVIRONMENT"
	attrColour      = "COLOUR"
	attrColor       = "COLOR"
	attrRelease     = "RELEASE"
	attrRevision    = "REVISION"
	attrProtocol    = "PROTOCOL"
	attrIP          = "IP"
	attrNetwork     = "NETWORK"
)

// protocols are those that a label can name after its port.
var protocols = []string{"tcp", "udp", "sctp"}

// portKey is one port of a container; with an empty protocol, of all.
type portKey struct {
	private  int
	protocol string
}

// settings are what a container says about itself, read from its labels and
// variables.
type settings struct {
	general map[string]string
	byPort  map[portKey]map[string]string
	bad     []string // what can't be meant, in sentences
}

// parseSettings reads a container's settings. A label wins over the variable of
// the same name, and upper case over any other way to write it. Values that hold
// no UTF-8 are mended, since Consul would not give them back as they were. An
// empty value is no value.
func parseSettings(labels, env map[string]string) settings {
	s := settings{general: map[string]string{}, byPort: map[portKey]map[string]string{}}
	for _, source := range []map[string]string{env, labels} {
		var names []string
		for name := range source {
			if strings.HasPrefix(name, prefix) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range slices.Backward(names) { // upper case sorts first
			s.set(strings.ToUpper(strings.ToValidUTF8(name[len(prefix):], "_")), strings.ToValidUTF8(source[name], "\uFFFD"))
		}
	}
	slices.Sort(s.bad)
	s.bad = slices.Compact(s.bad)
	return s
}

func (s *settings) set(attr, value string) {
	digits, rest, _ := strings.Cut(attr, "_")
	if rest == "" || !isDigits(digits) {
		if attr != "" {
			s.general[attr] = value
		}
		return
	}
	key, rest, ok := cutPort(attr)
	if !ok {
		s.bad = append(s.bad, fmt.Sprintf("%s%s speaks of port %s, which is not from 1 to %d; correct it", prefix, attr, digits, maxPort))
		return
	}
	if s.byPort[key] == nil {
		s.byPort[key] = map[string]string{}
	}
	s.byPort[key][rest] = value
}

// cutPort splits "8080_NAME" into port 8080 and "NAME", and "53_UDP_NAME" into
// port 53 of UDP and "NAME".
func cutPort(attr string) (portKey, string, bool) {
	digits, rest, ok := strings.Cut(attr, "_")
	if !ok || rest == "" || !isDigits(digits) {
		return portKey{}, "", false
	}
	port, err := strconv.Atoi(digits)
	if err != nil || port < 1 || port > maxPort {
		return portKey{}, "", false
	}
	if word, attr, ok := strings.Cut(rest, "_"); ok && attr != "" && slices.Contains(protocols, strings.ToLower(word)) {
		return portKey{port, strings.ToLower(word)}, attr, true
	}
	return portKey{private: port}, rest, true
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// port is what holds for one port: what is said of it with its protocol before
// what is said of its number, before what is said in general. The probes of a
// UDP port are only those that are meant for it: they speak TCP. twin tells that
// the number is a TCP port as well, which is then the one that is meant.
func (s settings) port(p catalog.Port, twin bool) map[string]string {
	all := maps.Clone(s.general)
	if all == nil {
		all = map[string]string{}
	}
	byNumber := s.byPort[portKey{private: p.Private}]
	if p.Protocol != "udp" {
		overlay(all, byNumber)
	} else if dropProbes(all); twin {
		own := maps.Clone(byNumber)
		dropProbes(own)
		overlay(all, own)
	} else {
		overlay(all, byNumber)
	}
	overlay(all, s.byPort[portKey{p.Private, p.Protocol}])
	return all
}

// overlay puts own over all. Both spellings of colour are one attribute, so an
// own one replaces either.
func overlay(all, own map[string]string) {
	if own[attrColour] != "" || own[attrColor] != "" {
		delete(all, attrColour)
		delete(all, attrColor)
	}
	maps.Copy(all, own)
}

// named tells whether a port has a name of its own.
func (s settings) named(p catalog.Port) bool {
	return s.byPort[portKey{private: p.Private}][attrName] != "" || s.byPort[portKey{p.Private, p.Protocol}][attrName] != ""
}

// namedPorts are the ports that have a name of their own, unpublished, whether
// the container exposes them or not.
func (s settings) namedPorts() []catalog.Port {
	var ports []catalog.Port
	for key, attrs := range s.byPort {
		if attrs[attrName] == "" {
			continue
		}
		p := catalog.Port{Private: key.private, Protocol: key.protocol}
		if p.Protocol == "" {
			p.Protocol = "tcp"
		}
		ports = append(ports, p)
	}
	slices.SortFunc(ports, comparePorts)
	return slices.Compact(ports)
}

// isTrue reads a switch. Anything but a plain no is a yes, as the classic
// registrator has it.
func isTrue(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "false", "no", "off", "0":
		return false
	}
	return true
}

// splitTags splits at commas; `\,` is a comma within a tag.
func splitTags(value string) []string {
	var tags []string
	var tag strings.Builder
	end := func() {
		if t := strings.TrimSpace(tag.String()); t != "" {
			tags = append(tags, t)
		}
		tag.Reset()
	}
	for rest := value; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `\,`):
			tag.WriteByte(',')
			rest = rest[2:]
		case rest[0] == ',':
			end()
			rest = rest[1:]
		default:
			tag.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	end()
	return tags
}

// colourIn reads the colour under either spelling.
func colourIn(attrs map[string]string) (catalog.Colour, error) {
	ours, theirs := attrs[attrColour], attrs[attrColor]
	if ours == "" && theirs == "" {
		return "", nil
	}
	if ours == "" || theirs == "" {
		return catalog.ParseColour(ours + theirs)
	}
	a, err := catalog.ParseColour(ours)
	if err != nil {
		return "", err
	}
	b, err := catalog.ParseColour(theirs)
	if err == nil && a != b {
		err = errColours
	}
	return a, err
}
