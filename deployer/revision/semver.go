package revision

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// semver is a version as semver.org has it.
type semver struct {
	text                string // without a leading v
	major, minor, patch uint64
	pre                 []string // what follows a hyphen, between dots
}

// longestVersion leaves room for a commit in a Docker tag.
const longestVersion = 100

var semverPattern = regexp.MustCompile(`^v?((0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})` +
	`(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?` +
	`(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?)$`)

// parseSemver reads a tag; false when it is not a version.
func parseSemver(tag string) (semver, bool) {
	m := semverPattern.FindStringSubmatch(tag)
	if m == nil || len(m[1]) > longestVersion {
		return semver{}, false
	}
	v := semver{text: m[1], major: number(m[2]), minor: number(m[3]), patch: number(m[4])}
	if m[5] != "" {
		v.pre = strings.Split(m[5], ".")
	}
	return v, true
}

// number reads digits that the pattern has found few enough.
func number(digits string) uint64 {
	n, _ := strconv.ParseUint(digits, 10, 64)
	return n
}

// compare orders versions: one with pre comes before the same without.
func (v semver) compare(w semver) int {
	return cmp.Or(
		cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch),
		comparePre(v.pre, w.pre),
	)
}

func comparePre(a, b []string) int {
	if len(a) == 0 || len(b) == 0 {
		return cmp.Compare(len(b), len(a))
	}
	return slices.CompareFunc(a, b, compareIdentifier)
}

// compareIdentifier orders numbers by their value, which a shorter one has less
// of, and before words.
func compareIdentifier(a, b string) int {
	aWord, bWord := strings.Trim(a, "0123456789") != "", strings.Trim(b, "0123456789") != ""
	switch {
	case aWord != bWord && aWord:
		return 1
	case aWord != bWord:
		return -1
	case aWord:
		return cmp.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// nextMinor is the minor version that is worked on after v: what v goes before,
// where it goes before one.
func (v semver) nextMinor() string {
	if len(v.pre) > 0 && v.patch == 0 {
		return fmt.Sprintf("%d.%d.0", v.major, v.minor)
	}
	return fmt.Sprintf("%d.%d.0", v.major, v.minor+1)
}
