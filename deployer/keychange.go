package deployer

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"teal/catalog"
)

// KeyChange is a key in Consul that would be written, other than the records of
// the deployment itself.
type KeyChange struct {
	Key string `json:"key"` // below the prefix, as docs/SCHEMA.md spells it
	// From and To are what aliases point at, and releases with their state.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Fields are those of a configuration that change.
	Fields []string `json:"fields,omitempty"`
}

// keys are the keys that a deployment would write, in the order it does; config
// are the fields of the configuration that it changes.
func (p planning) keys(config []string) []KeyChange {
	var keys catalog.Keys
	name, target := p.spec.Service, p.placement.Target
	all := []KeyChange{}
	add := func(key, from, to string, fields []string) {
		key = strings.TrimPrefix(key, catalog.DefaultPrefix+"/")
		all = append(all, KeyChange{Key: key, From: from, To: to, Fields: fields})
	}
	add(keys.Release(name, target), p.releaseText(target), releaseText(p.placement.Release, catalog.Ready), nil)
	if config != nil {
		add(keys.Service(name), "", "", config)
	}
	to := catalog.PointTo(target)
	if pointsAt(p.alias, to) {
		return all
	}
	for _, old := range p.alias.Value.Live() {
		if release, held := p.service.Releases[old]; held && old != target {
			add(keys.Release(name, old), p.releaseText(old), releaseText(release.ID, catalog.Standby), nil)
		}
	}
	own := p.alias
	own.Name = p.env.Name
	for _, a := range append([]catalog.Alias{own}, companionsNamed(p.service, own, p.env.Aliases)...) {
		from := ""
		if a.Index != 0 {
			from = a.Value.String()
		}
		add(keys.Alias(name, a.Name), from, to.String(), nil)
	}
	return all
}

func (p planning) releaseText(t catalog.Target) string {
	release, held := p.service.Releases[t]
	if !held {
		return ""
	}
	return releaseText(release.ID, release.State)
}

func releaseText(id string, state catalog.ReleaseState) string {
	return fmt.Sprintf("%s (%s)", id, state)
}

// changedFields are the fields in which two configurations differ, in order;
// nil when there are none.
func changedFields(before, after catalog.ServiceConfig) []string {
	a, b := fieldsOf(before), fieldsOf(after)
	var changed []string
	for _, field := range slices.Sorted(maps.Keys(merged(a, b))) {
		if !reflect.DeepEqual(a[field], b[field]) {
			changed = append(changed, field)
		}
	}
	return changed
}

func fieldsOf(c catalog.ServiceConfig) map[string]any {
	fields := map[string]any{}
	_ = json.Unmarshal(c.Encode(), &fields) // it is an object: we have just written it
	return fields
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
