package registrator

import (
	"strconv"
	"strings"

	"teal/catalog"
)

// prefix begins every label and variable that is for the registrator.
const prefix = "SERVICE_"

// The attributes that mean something, as they follow the prefix: SERVICE_NAME,
// or SERVICE_8080_NAME for one port. Any other becomes meta.
const (
	attrName         = "NAME"
	attrID           = "ID"
	attrTags         = "TAGS"
	attrIgnore       = "IGNORE"
	attrEnvironment  = "ENVIRONMENT"
	attrColour       = "COLOUR"
	attrColor        = "COLOR"
	attrRelease      = "RELEASE"
	attrRevision     = "REVISION"
	attrProtocol     = "PROTOCOL"
	attrNetwork      = "NETWORK"
	checkPrefix      = "CHECK_"
	attrCheckHTTP    = "CHECK_HTTP"
	attrCheckHTTPS   = "CHECK_HTTPS"
	attrCheckTCP     = "CHECK_TCP"
	attrCheckEvery   = "CHECK_INTERVAL"
	attrCheckTimeout = "CHECK_TIMEOUT"
	attrDockerHealth = "CHECK_DOCKER_HEALTH"
)

// settings are what a container says about itself, read from its labels and
// variables.
type settings struct {
	general map[string]string
	byPort  map[int]map[string]string
}

// parseSettings reads a container's settings. A label wins over the variable of
// the same name. Values that hold no UTF-8 are mended, since Consul would not
// give them back as they were. An empty value is no value.
func parseSettings(labels, env map[string]string) settings {
	s := settings{general: map[string]string{}, byPort: map[int]map[string]string{}}
	for _, source := range []map[string]string{env, labels} {
		for name, value := range source {
			if attr, ok := strings.CutPrefix(name, prefix); ok {
				s.set(strings.ToValidUTF8(attr, "_"), strings.ToValidUTF8(value, "\uFFFD"))
			}
		}
	}
	return s
}

func (s settings) set(attr, value string) {
	port, rest, specific := cutPort(attr)
	switch {
	case specific:
		if s.byPort[port] == nil {
			s.byPort[port] = map[string]string{}
		}
		s.byPort[port][rest] = value
	case attr != "":
		s.general[attr] = value
	}
}

// cutPort splits "8080_NAME" into 8080 and "NAME".
func cutPort(attr string) (int, string, bool) {
	digits, rest, ok := strings.Cut(attr, "_")
	if !ok || rest == "" || !isDigits(digits) {
		return 0, "", false
	}
	port, err := strconv.Atoi(digits)
	return port, rest, err == nil && port > 0 && port <= maxPort
}

func isDigits(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// port is what holds for one port: its own settings before the general ones.
// Both spellings of colour are one attribute, so the port's own replaces either.
func (s settings) port(private int) map[string]string {
	own := s.byPort[private]
	all := make(map[string]string, len(s.general)+len(own))
	for attr, value := range s.general {
		all[attr] = value
	}
	if own[attrColour] != "" || own[attrColor] != "" {
		delete(all, attrColour)
		delete(all, attrColor)
	}
	for attr, value := range own {
		all[attr] = value
	}
	return all
}

// named tells whether a port has a name of its own.
func (s settings) named(private int) bool { return s.byPort[private][attrName] != "" }

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
