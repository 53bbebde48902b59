package registrator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"teal/catalog"
)

// Consul's limits of service meta. One pair beyond them refuses the whole
// registration.
const (
	maxMetaKey   = 128
	maxMetaValue = 512
	maxMetaPairs = 64
)

// reservedMeta is what Consul keeps for itself.
const reservedMeta = "consul-"

// known are the attributes that are read, and so never meta.
var known = []string{
	attrName, attrID, attrTags, attrIgnore, attrEnvironment, attrColour, attrColor,
	attrRelease, attrRevision, attrProtocol, attrIP, attrNetwork,
}

// userMeta makes meta of the attributes that mean nothing else. What can't be
// meta is left out and told of in sentences.
func userMeta(attrs map[string]string) (map[string]string, []string) {
	meta, complaints := map[string]string{}, []string(nil)
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		value := attrs[attr]
		if value == "" || slices.Contains(known, attr) || strings.HasPrefix(attr, checkPrefix) {
			continue
		}
		key := metaKey(attr)
		switch _, taken := meta[key]; {
		case slices.Contains(ownMeta, key):
			complaints = append(complaints, fmt.Sprintf("%s%s is left out: meta %q is Teal's own; use another name", prefix, attr, key))
		case strings.HasPrefix(key, reservedMeta):
			complaints = append(complaints, fmt.Sprintf("%s%s is left out: meta that begins with %q is Consul's own; use another name", prefix, attr, reservedMeta))
		case taken:
			complaints = append(complaints, fmt.Sprintf("%s%s is left out: another attribute is meta %q already; rename one of them", prefix, attr, key))
		default:
			meta[key] = cut(value, maxMetaValue)
		}
	}
	return meta, complaints
}

// ownMeta are the meta names that the registrator writes, or would if they were
// set: a user's own would be lost or misread.
var ownMeta = []string{
	catalog.MetaEnvironment, catalog.MetaColour, catalog.MetaRelease, catalog.MetaRevision, catalog.MetaImage,
	catalog.MetaContainer, catalog.MetaProtocol, catalog.MetaManagedBy, catalog.MetaOwner,
}

// metaKey is an attribute in the letters that Consul allows.
func metaKey(attr string) string {
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, strings.ToLower(attr))
	return cut(key, maxMetaKey)
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// limitMeta keeps an instance's meta within Consul's limits: Teal's own first,
// then the user's by name.
func limitMeta(i *catalog.Instance) []string {
	for _, field := range []*string{&i.Release, &i.Revision, &i.Image, &i.Protocol} {
		*field = cut(*field, maxMetaValue)
	}
	all := i.EncodeMeta()
	if len(all) <= maxMetaPairs {
		return nil
	}
	keys := slices.Sorted(maps.Keys(i.Meta))
	surplus := keys[len(keys)-(len(all)-maxMetaPairs):]
	for _, key := range surplus {
		delete(i.Meta, key)
	}
	return []string{fmt.Sprintf("meta %s is left out: Consul holds at most %d pairs; remove some SERVICE_ attributes", strings.Join(surplus, ", "), maxMetaPairs)}
}
