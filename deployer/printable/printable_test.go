package printable

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"plain":                {"listening on :8080\n\tat main.go", "listening on :8080\n\tat main.go"},
		"colours":              {"\x1b[1;31mpanic\x1b[0m: no", "panic: no"},
		"cursor":               {"a\x1b[2J\x1b[1Ab", "ab"},
		"eight-bit controls":   {"a\u009b31mb", "ab"},
		"title":                {"a\x1b]0;owned\x07b", "ab"},
		"link":                 {"\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"},
		"unfinished":           {"a\x1b", "a"},
		"unfinished with rest": {"a\x1b[31", "a"},
		"nested":               {"\x1b\x1b[0m[31mred", "[31mred"},
		"carriage return":      {"50%\r100%\r\ndone", "50%\n100%\ndone"},
		"bell and backspace":   {"a\a\bb", "ab"},
		"not UTF-8":            {"a\xffb", "a\uFFFDb"},
		"direction":            {"a\u202eb", "ab"},
		"github":               {"::error::no\n  ::set-output name=a::b", ": :error::no\n  : :set-output name=a::b"},
		"github, hidden":       {"\x1b[0m::error::no", ": :error::no"},
		"github, after return": {"x\r::error::no", "x\n: :error::no"},
		"github, inside":       {"std::vector", "std::vector"},
		"old github":           {"x ##[error]no", "x # #[error]no"},
		"azure":                {"##vso[task.complete]", "# #vso[task.complete]"},
		"teamcity":             {"x ##teamcity[buildStop]", "x # #teamcity[buildStop]"},
		"gitlab":               {"section_start:1:a\r\x1b[0Kb", "section start:1:a\nb"},
		"heading":              {"## [1.0] and ##", "## [1.0] and ##"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, Text(c.in)) })
	}
}

func FuzzText(f *testing.F) {
	f.Add("\x1b[31m::error::##teamcity[x] section_start:1:a\r\x1b[0K")
	f.Fuzz(func(t *testing.T, in string) {
		once := Text(in)
		require.NotContains(t, once, "\x1b")
		require.NotContains(t, once, "\r")
		require.NotContains(t, once, "##teamcity[")
		require.Equal(t, once, Text(once))
	})
}
