package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]catalog.Target{
		"blue-production":   {Colour: catalog.Blue, Environment: "production"},
		"green-pre-prod":    {Colour: catalog.Green, Environment: "pre-prod"},
		"integration":       {Environment: "integration"},
		" green-qa\n":       {Colour: catalog.Green, Environment: "qa"},
		"blueish":           {Environment: "blueish"},
		"evergreen-meadows": {Environment: "evergreen-meadows"},
	} {
		got, err := catalog.ParseTarget(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseTargetRefusals(t *testing.T) {
	for text, sentence := range map[string]string{
		"":                "has no name",
		"blue":            "begins with a colour",
		"blue-":           "has no name",
		"blue-green-x":    "begins with a colour",
		"Production":      "lower-case",
		"blue_production": "lower-case",
		"a/b":             "lower-case",
		"-x":              "hyphen",
	} {
		_, err := catalog.ParseTarget(text)
		require.ErrorContains(t, err, sentence, text)
	}
}

func TestParseColour(t *testing.T) {
	c, err := catalog.ParseColour(" Green ")
	require.NoError(t, err)
	require.Equal(t, catalog.Green, c)
	_, err = catalog.ParseColour("red")
	require.ErrorContains(t, err, "it is blue or green")
	require.Equal(t, catalog.Green, catalog.Blue.Other())
	require.Equal(t, catalog.Blue, catalog.Green.Other())
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"blue-production", "integration", "green-", "blue-blue-x", " x "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := catalog.ParseTarget(s)
		if err != nil {
			return
		}
		again, err := catalog.ParseTarget(target.String())
		require.NoError(t, err)
		require.Equal(t, target, again)
	})
}
