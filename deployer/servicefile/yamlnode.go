package servicefile

import "go.yaml.in/yaml/v4"

func scalar(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// mappingOf makes a mapping of keys and their values, in turn.
func mappingOf(pairs ...any) *yaml.Node {
	m := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for n := 0; n+1 < len(pairs); n += 2 {
		m.Content = append(m.Content, scalar(pairs[n].(string)), pairs[n+1].(*yaml.Node))
	}
	return m
}

// portList is a list of one port, on one line.
func portList(port string) *yaml.Node {
	p := scalar(port)
	p.Style = yaml.DoubleQuotedStyle // 22:22 would be a number to base 60
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle, Content: []*yaml.Node{p}}
}

// keysOf are the keys of a mapping itself, without those it merges.
func keysOf(m *yaml.Node) []string {
	var keys []string
	for n := 0; n+1 < len(m.Content); n += 2 {
		keys = append(keys, m.Content[n].Value)
	}
	return keys
}

// valueOf is what a mapping itself holds at a key, or nil.
func valueOf(m *yaml.Node, key string) *yaml.Node {
	for n := 0; n+1 < len(m.Content); n += 2 {
		if m.Content[n].Value == key {
			return resolve(m.Content[n+1])
		}
	}
	return nil
}

// dropKey takes an entry out of a mapping.
func dropKey(m *yaml.Node, key string) {
	if m == nil || m.Kind != yaml.MappingNode {
		return
	}
	for n := 0; n+1 < len(m.Content); n += 2 {
		if m.Content[n].Value == key {
			m.Content = append(m.Content[:n:n], m.Content[n+2:]...)
			return
		}
	}
}
