package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// comparison is a document that says in tables what Teal does, and which test or
// benchmark shows it, written `folder/file_test.go:TestName`.
type comparison struct {
	file    string
	proof   string // the column that names tests; tables without it promise nothing
	refuses bool   // a row may say why not instead, in a sentence that begins with No
	rows    int    // there are as many at least, if they are read as they are written
}

// Every row of the comparisons makes a promise and names what keeps it, and that
// is there.
func TestTheComparisonsNameTestsThatExist(t *testing.T) {
	for _, c := range []comparison{
		{file: "../docs/REGISTRATOR.md", proof: "proved by", rows: 30},
		{file: "../docs/ROUTER.md", proof: "Teal", refuses: true, rows: 100},
		{file: "../docs/ROUTER.md", proof: "measured by", rows: 8},
	} {
		c.holds(t)
	}
}

// holds looks at every row of the comparison.
func (c comparison) holds(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(c.file)
	require.NoError(t, err)
	proofs := c.proofs(t, string(text))
	require.GreaterOrEqual(t, len(proofs), c.rows, "the tables of %s are not read as they are written", c.file)
	for _, proof := range proofs {
		if testsIn(t, proof) == 0 {
			require.True(t, c.refuses, "%s: a row names no test: %s", c.file, proof)
			require.Regexp(t, `^No\b.{20,}\.$`, proof, "%s: a row neither names a test nor says why not", c.file)
		}
	}
}

// proofs are the cells of the column of proofs. All rows have as many cells as
// the header of their table.
func (c comparison) proofs(t *testing.T, text string) (list []string) {
	t.Helper()
	var header []string
	for line := range strings.Lines(text) {
		cells := cellsOf(line)
		switch column := slices.Index(header, c.proof); {
		case cells == nil || header == nil:
			header = cells
		case column >= 0 && !strings.HasPrefix(cells[0], "--"):
			require.Len(t, cells, len(header), "%s: %s", c.file, line)
			list = append(list, cells[column])
		}
	}
	return list
}

// cellsOf cuts a row of a table into its cells; nil for other lines. A bar with
// a backslash before it is text.
func cellsOf(line string) (cells []string) {
	inner, isRow := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !isRow {
		return nil
	}
	inner = strings.ReplaceAll(strings.TrimSuffix(inner, "|"), `\|`, "")
	for cell := range strings.SplitSeq(inner, "|") {
		cells = append(cells, strings.TrimSpace(cell))
	}
	return cells
}

var naming = regexp.MustCompile("`([a-z0-9/_]+_test\\.go):([A-Za-z0-9_]+)`")

// testsIn is how many tests a cell names. All of them exist.
func testsIn(t *testing.T, cell string) int {
	t.Helper()
	named := naming.FindAllStringSubmatch(cell, -1)
	require.Len(t, named, strings.Count(cell, "_test.go"), "not all tests can be read: %s", cell)
	for _, n := range named {
		file, err := os.ReadFile(filepath.Join("..", n[1]))
		require.NoError(t, err)
		require.True(t, strings.Contains(string(file), "\nfunc "+n[2]+"("), "%s has no %s", n[1], n[2])
	}
	return len(named)
}
