package templates

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWebLinksAreLinks(t *testing.T) {
	for link, want := range map[string]string{
		"https://git.example/web":  "https://git.example/web",
		"http://docs.example":      "http://docs.example",
		"javascript:alert(1)":      "",
		"data:text/html,x":         "",
		"//evil.example":           "",
		"git@git.example:web.git":  "",
		"":                         "",
		"https:///no-host":         "",
		"HTTPS://git.example/UP":   "HTTPS://git.example/UP",
		"ftp://files.example/file": "",
	} {
		require.Equal(t, want, web(link), link)
	}
}

func TestTheCatalogueParses(t *testing.T) {
	require.NotPanics(t, func() { Catalogue() })
}
