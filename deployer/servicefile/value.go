package servicefile

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"teal/catalog"
)

// choice reads one of some words; empty where there is none.
func choice[T ~string](f field, words ...T) T {
	word := T(f.text())
	if word == "" || slices.Contains(words, word) {
		return word
	}
	known := make([]string, len(words))
	for n, w := range words {
		known[n] = string(w)
	}
	f.complain("%s is %q, and must be one of %s%s", f.name(), word, strings.Join(known, ", "), didYouMean(string(word), known))
	return ""
}

// milliseconds reads a time span that routers keep to; 0 where there is none.
func (f field) milliseconds() int64 {
	d := f.duration(time.Millisecond, 0)
	if d > catalog.MaxTrafficTime {
		f.complain("%s is %s; it can be at most %s", f.name(), d, catalog.MaxTrafficTime)
		return 0
	}
	return d.Milliseconds()
}

// size reads a number of bytes as Compose does: 512kb, 10MB, 1g, each a power of
// 1024; 0 where there is none.
func (f field) size() int64 {
	if f.value == nil {
		return 0
	}
	n, ok := wholeNumber(f.value)
	size := types.UnitBytes(n)
	if text, isText := f.value.(string); isText && !ok {
		ok = size.DecodeMapstructure(strings.TrimSpace(text)) == nil
	}
	if !ok || size < 1 {
		f.wants("a size of at least one byte, such as 512kb or 10MB")
		return 0
	}
	return int64(size)
}

// percent reads 20% or 20, from 1 to 100; 0 where there is none.
func (f field) percent() int {
	if f.value == nil {
		return 0
	}
	value := f.value
	if text, ok := value.(string); ok {
		value = strings.TrimSuffix(strings.TrimSpace(text), "%")
	}
	n, ok := wholeNumber(value)
	if !ok || n < 1 || n > 100 {
		f.wants("a whole percentage from 1% to 100%")
		return 0
	}
	return n
}

// token reads the name of a header or cookie (RFC 9110, section 5.6.2; RFC 6265,
// section 4.1.1).
func (f field) token(kind string) string {
	name := f.text()
	if strings.ContainsFunc(name, notTokenRune) {
		f.complain("%s is %q, which can't name a %s; write letters, digits and hyphens", f.name(), name, kind)
		return ""
	}
	return name
}

func notTokenRune(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// networks reads address ranges such as 10.0.0.0/8.
func (f field) networks() []string {
	var list []string
	for _, item := range f.texts() {
		text := item.text()
		prefix, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			item.complain("%q is not a network; write one such as 10.0.0.0/8, or 192.0.2.7/32 for one address", text)
		case prefix != prefix.Masked():
			item.complain("network %s has bits beyond its length; write %s", prefix, prefix.Masked())
		default:
			list = append(list, prefix.String())
		}
	}
	return list
}

// entry is one mapping of a list.
type entry struct {
	field
	fields
}

// mappings reads a list of mappings; a single mapping is a list of one.
func (f field) mappings(known ...string) []entry {
	var all []entry
	switch v := f.value.(type) {
	case nil:
	case map[string]any:
		all = append(all, entry{f, f.mapping(known...)})
	case []any:
		for n, item := range v {
			one := f.at(strconv.Itoa(n), item)
			if item == nil {
				one.wants("a mapping")
				continue
			}
			all = append(all, entry{one, one.mapping(known...)})
		}
	default:
		f.wants("a list")
	}
	return all
}
