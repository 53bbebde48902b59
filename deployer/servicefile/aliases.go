package servicefile

import (
	"maps"
	"slices"

	"teal/catalog"
)

// maxAliases is how many aliases move with an environment's own: all of them do in
// one transaction of Consul's, which has room for so many operations only.
const maxAliases = 10

// aliases reads the further aliases of an environment.
func (f field) aliases() []string {
	var all []string
	if n := len(f.texts()); n > maxAliases {
		f.complain("%s has %d aliases, and no more than %d move together; give the others routes of one of these", f.name(), n, maxAliases)
	}
	for _, item := range f.texts() {
		name := item.text()
		if err := catalog.CheckName("alias", name); err != nil {
			item.complain("%s", err)
			continue
		}
		if catalog.CheckEnvironment(name) != nil {
			item.complain("alias %q begins with a colour, as targets do; call it something else", name)
			continue
		}
		all = append(all, name)
	}
	return all
}

// checkAliases is that an alias is named twice, or is another environment's own: it
// can move with one environment only.
func (f field) checkAliases(all map[string]Environment) {
	whose := map[string]string{}
	for name := range all {
		whose[name] = name
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		at := f.reader.field(Extension, "environments", name, "aliases")
		for _, alias := range all[name].Aliases {
			if owner, ok := whose[alias]; ok {
				at.complain("alias %q of environment %s is one of environment %s already; name it once", alias, name, owner)
				continue
			}
			whose[alias] = name
		}
	}
}
