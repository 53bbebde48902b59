package registrator

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The tables of docs/REGISTRATOR.md name a test for each promise, written
// `folder/file_test.go:TestName`. Every one of them is there.
func TestTheTableNamesTestsThatExist(t *testing.T) {
	text, err := os.ReadFile("../docs/REGISTRATOR.md")
	require.NoError(t, err)
	named := regexp.MustCompile("`([a-z/_]+_test\\.go):([A-Za-z]+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 50, "the tables are not read as they are written")
	for _, n := range named {
		file, err := os.ReadFile(filepath.Join("..", n[1]))
		require.NoError(t, err)
		require.Contains(t, string(file), "\nfunc "+n[2]+"(", n[1])
	}
}

// Every row makes a promise and proves it.
func TestEveryRowOfTheTableIsProved(t *testing.T) {
	text, err := os.ReadFile("../docs/REGISTRATOR.md")
	require.NoError(t, err)
	proving := false // within a table that names tests
	for row := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, ""), "|")
		switch {
		case len(cells) != 5:
			proving = false
		case strings.TrimSpace(cells[3]) == "proved by":
			proving = true
		case proving && !strings.HasPrefix(cells[1], "-"):
			require.Contains(t, cells[3], "_test.go:", row)
		}
	}
}
