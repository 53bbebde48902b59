package servicefile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader takes values out of a resolved file and gathers what is wrong with
// them, with the line each stands on.
type reader struct {
	file      string
	source    source
	variables map[string]string
	// origins are where environments have their own secrets and configs from, by
	// environment and key.
	origins map[string]map[string]origin
	issues  []Issue // what is wrong
	unknown []Issue // of these, the keys that nobody reads, whatever their values are
	// warnings are what is asked for and will not be done.
	warnings []Issue
	// missing are the secrets and configs that environments need and can't have here.
	missing []Issue
}

// field is one value of the file and where it lies.
type field struct {
	*reader
	path  []string
	value any // nil when it is missing or empty
}

func (r *reader) complain(path []string, format string, args ...any) {
	r.issues = append(r.issues, r.issue(path, format, args...))
}

func (r *reader) warn(path []string, format string, args ...any) {
	r.warnings = append(r.warnings, r.issue(path, format, args...))
}

func (r *reader) issue(path []string, format string, args ...any) Issue {
	return Issue{File: r.file, Line: r.source.line(path...), Message: fmt.Sprintf(format, args...)}
}

func (f field) complain(format string, args ...any) { f.reader.complain(f.path, format, args...) }

func (f field) unknownKey(format string, args ...any) {
	issue := f.issue(f.path, format, args...)
	f.reader.issues, f.reader.unknown = append(f.reader.issues, issue), append(f.reader.unknown, issue)
}

// name is the field's path as people write it.
func (f field) name() string { return strings.Join(f.path, ".") }

func (f field) at(step string, value any) field {
	return field{reader: f.reader, path: append(slices.Clone(f.path), step), value: value}
}

func (f field) wants(what string) {
	f.complain("%s must be %s, and is %s", f.name(), what, describe(f.value))
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "empty"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		return strconv.Quote(v)
	}
	return fmt.Sprint(v)
}

// fields are the values of a mapping.
type fields map[string]field

// mapping reads a mapping and refuses keys that are not known.
func (f field) mapping(known ...string) fields {
	all := f.entries()
	for _, key := range all.keys() {
		if !slices.Contains(known, key) && !strings.HasPrefix(key, "x-") {
			all[key].unknownKey("unknown key %q in %s%s", key, f.name(), didYouMean(key, known))
		}
	}
	for _, key := range known {
		if _, ok := all[key]; !ok {
			all[key] = f.at(key, nil)
		}
	}
	return all
}

// entries reads a mapping whose keys are names the user gives.
func (f field) entries() fields {
	all := fields{}
	if f.value == nil {
		return all
	}
	m, ok := f.value.(map[string]any)
	if !ok {
		f.wants("a mapping")
		return all
	}
	for key, value := range m {
		all[key] = f.at(key, value)
	}
	return all
}

func (fs fields) keys() []string {
	keys := make([]string, 0, len(fs))
	for k := range fs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// text reads a string. Numbers and dates count too, as they are written: YAML
// reads a bare 1.10 as 1.1.
func (f field) text() string {
	switch v := f.value.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	case int, int64, uint64, float64, time.Time:
		text, ok := f.source.written(v, f.path...)
		if !ok {
			f.complain("%s must be a text, and is %v; write it in quotes", f.name(), v)
		}
		return text
	}
	f.wants("a text")
	return ""
}

// number reads a whole number from least to most, also one that came out of an
// interpolated variable and so is a string.
func (f field) number(least, most, missing int) int {
	if f.value == nil {
		return missing
	}
	n, ok := wholeNumber(f.value)
	if !ok || n < least || n > most {
		f.wants(fmt.Sprintf("a whole number from %d to %d", least, most))
		return missing
	}
	return n
}

func wholeNumber(v any) (int, bool) {
	switch v := v.(type) {
	case int:
		return v, true
	case int64:
		return int(v), true
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) < math.MaxInt32
	case string:
		n, err := strconv.Atoi(strings.TrimSpace(v))
		return n, err == nil
	}
	return 0, false
}

// flag reads true or false.
func (f field) flag(missing bool) bool {
	switch v := f.value.(type) {
	case nil:
		return missing
	case bool:
		return v
	case string:
		if b, err := strconv.ParseBool(strings.TrimSpace(v)); err == nil {
			return b
		}
	}
	f.wants("true or false")
	return missing
}

// duration reads a time span such as 1m30s, of at least least.
func (f field) duration(least, missing time.Duration) time.Duration {
	text, ok := f.value.(string)
	if f.value == nil {
		return missing
	}
	d, err := time.ParseDuration(strings.TrimSpace(text))
	switch {
	case !ok || err != nil:
		f.wants("a time span such as 500ms, 2s or 1m30s")
	case d < least:
		f.complain("%s is %s; it must be at least %s", f.name(), d, least)
	default:
		return d
	}
	return missing
}

// texts reads a list of strings; a single string is a list of one.
func (f field) texts() []field {
	switch v := f.value.(type) {
	case nil:
		return nil
	case string:
		return []field{f}
	case []any:
		list := make([]field, 0, len(v))
		for n, item := range v {
			list = append(list, f.at(strconv.Itoa(n), item))
		}
		return list
	}
	f.wants("a list")
	return nil
}
