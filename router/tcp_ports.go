package router

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Ports is a set of TCP ports, such as those that services may have opened. nil
// has none.
type Ports []PortRange

// PortRange is the ports from First to Last, both included.
type PortRange struct{ First, Last int }

// ParsePorts reads ports and ranges of them, each such as 5432 or 15000-15999.
func ParsePorts(texts []string) (Ports, error) {
	var ports Ports
	for _, text := range texts {
		first, last, isRange := strings.Cut(strings.TrimSpace(text), "-")
		if !isRange {
			last = first
		}
		from, ok := parsePort(first)
		to, alsoOK := parsePort(last)
		if !ok || !alsoOK || from > to {
			return nil, fmt.Errorf("%q is neither a TCP port nor a range of them; write it like 5432 or 15000-15999", text)
		}
		ports = append(ports, PortRange{from, to})
	}
	return ports, nil
}

func parsePort(text string) (int, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && n > 0
}

// Has tells whether a port is in the set.
func (p Ports) Has(port int) bool {
	return slices.ContainsFunc(p, func(r PortRange) bool { return r.First <= port && port <= r.Last })
}

// String is the text form that ParsePorts reads, with commas between.
func (p Ports) String() string {
	texts := make([]string, len(p))
	for i, r := range p {
		texts[i] = strconv.Itoa(r.First)
		if r.Last != r.First {
			texts[i] += "-" + strconv.Itoa(r.Last)
		}
	}
	return strings.Join(texts, ",")
}
