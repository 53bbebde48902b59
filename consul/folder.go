package consul

import (
	"strings"

	"github.com/hashicorp/consul/api"

	"teal/catalog"
)

// parseFolder reads all keys of one of Teal's folders. A key that can't be read
// is a problem of its own and hides no other; what it said in old stays.
func parseFolder(keys catalog.Keys, folder string, pairs api.KVPairs, old map[string]facts) reading[map[string]facts] {
	r := reading[map[string]facts]{value: map[string]facts{}}
	for _, p := range pairs {
		if strings.HasSuffix(p.Key, "/") {
			continue // a folder made by Consul's own UI
		}
		service, err := parsePair(keys, folder, p, r.value)
		if err != nil {
			keepOld(keys, p.Key, old, r.value)
			r.problems = append(r.problems, catalog.Problem{Service: service, Subject: p.Key, Message: err.Error()})
		}
	}
	return r
}

// keepOld carries over what a key said before it could not be read any more.
// Flip records are left out: they only tell a story.
func keepOld(keys catalog.Keys, key string, old, into map[string]facts) {
	if service, name, ok := keys.CutAlias(key); ok {
		if a, had := old[service].aliases[name]; had {
			into[service] = into[service].withAlias(a)
		}
	}
	if service, text, ok := keys.CutRelease(key); ok {
		target, err := catalog.ParseTarget(text)
		if r, had := old[service].releases[target]; had && err == nil {
			into[service] = into[service].withRelease(target, r)
		}
	}
	if service, name, ok := keys.CutHalt(key); ok {
		if h, had := old[service].halts[name]; had {
			into[service] = into[service].withHalt(name, h)
		}
	}
	if service, ok := keys.CutService(key); ok && old[service].config != nil {
		into[service] = old[service]
	}
}

func parsePair(keys catalog.Keys, folder string, p *api.KVPair, into map[string]facts) (string, error) {
	switch folder {
	case keys.Aliases():
		return parseAlias(keys, p, into)
	case keys.Releases():
		return parseRelease(keys, p, into)
	case keys.Flips():
		return parseFlip(keys, p, into)
	case keys.Halts():
		return parseHalt(keys, p, into)
	}
	return parseService(keys, p, into)
}

func parseAlias(keys catalog.Keys, p *api.KVPair, into map[string]facts) (string, error) {
	service, name, ok := keys.CutAlias(p.Key)
	if !ok {
		return "", errKey(keys.Alias("<service>", "<alias>"))
	}
	if err := catalog.CheckName("alias", name); err != nil {
		return service, err
	}
	value, err := catalog.ParseAliasValue(string(p.Value))
	if err != nil {
		return service, err
	}
	into[service] = into[service].withAlias(catalog.Alias{Name: name, Value: value, Index: p.ModifyIndex})
	return service, nil
}

func parseRelease(keys catalog.Keys, p *api.KVPair, into map[string]facts) (string, error) {
	service, text, ok := keys.CutRelease(p.Key)
	if !ok {
		return "", errKey(keys.ReleasesOf("<service>") + "<target>")
	}
	target, err := catalog.ParseTarget(text)
	if err != nil {
		return service, err
	}
	release, err := catalog.ParseRelease(p.Value)
	if err != nil {
		return service, err
	}
	release.Index = p.ModifyIndex
	into[service] = into[service].withRelease(target, release)
	return service, nil
}

func parseFlip(keys catalog.Keys, p *api.KVPair, into map[string]facts) (string, error) {
	service, name, ok := keys.CutFlip(p.Key)
	if !ok {
		return "", errKey(keys.Flip("<service>", "<alias>"))
	}
	flip, err := catalog.ParseFlipRecord(p.Value)
	if err != nil {
		return service, err
	}
	flip.Index = p.ModifyIndex
	if into[service].flips == nil {
		into[service] = facts{flips: map[string]catalog.FlipRecord{}}
	}
	into[service].flips[name] = flip
	return service, nil
}

func parseHalt(keys catalog.Keys, p *api.KVPair, into map[string]facts) (string, error) {
	service, name, ok := keys.CutHalt(p.Key)
	if !ok {
		return "", errKey(keys.Halt("<service>", "<alias>"))
	}
	halt, err := catalog.ParseHalt(p.Value)
	if err != nil {
		return service, err
	}
	halt.Index = p.ModifyIndex
	into[service] = into[service].withHalt(name, halt)
	return service, nil
}

func parseService(keys catalog.Keys, p *api.KVPair, into map[string]facts) (string, error) {
	service, ok := keys.CutService(p.Key)
	if !ok {
		return "", errKey(keys.Service("<service>"))
	}
	config, err := catalog.ParseServiceConfig(p.Value)
	if err != nil {
		return service, err
	}
	config.Since = p.CreateIndex
	into[service] = facts{config: &config}
	return service, nil
}

// errKey is a key that is not spelled as its folder wants.
type errKey string

func (e errKey) Error() string {
	return "the key is not spelled like " + string(e) + "; delete it or move it there"
}
