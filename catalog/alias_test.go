package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func alias(t *testing.T, text string) catalog.AliasValue {
	t.Helper()
	v, err := catalog.ParseAliasValue(text)
	require.NoError(t, err, text)
	return v
}

func TestAliasValueText(t *testing.T) {
	for text, want := range map[string]string{
		"green-production":   "green-production",
		"green-production\n": "green-production",
		"integration":        "integration",
		"green-production=10, blue-production = 90": "green-production=10,blue-production=90",
		"green-production=0,blue-production=1":      "green-production=0,blue-production=1",
		"green-production=1":                        "green-production",
		"green-production=7":                        "green-production=7",
	} {
		require.Equal(t, want, alias(t, text).String(), text)
	}
}

func TestAliasValueRefusals(t *testing.T) {
	for text, sentence := range map[string]string{
		"":                                      "is empty",
		"red-Production":                        "lower-case",
		"green-production,blue-production":      "has no weight",
		"green-production=1,green-production=2": "twice",
		"green-production=0":                    "sum to 0",
		"green-production=-1":                   "whole number",
		"green-production=9999999":              "whole number",
		"green-production=x":                    "whole number",
		",":                                     "has no weight",
	} {
		_, err := catalog.ParseAliasValue(text)
		require.ErrorContains(t, err, sentence, text)
	}
}

func TestOffline(t *testing.T) {
	for text, want := range map[string]string{
		"blue-production":                      "green-production",
		"green-production":                     "blue-production",
		"green-production=5,blue-production=0": "blue-production",
		"integration":                          "blue-production",
	} {
		got, err := alias(t, text).Offline("production")
		require.NoError(t, err)
		require.Equal(t, want, got.String(), text)
	}
	first, err := catalog.AliasValue{}.Offline("production")
	require.NoError(t, err)
	require.Equal(t, "blue-production", first.String())
	_, err = alias(t, "green-production=5,blue-production=5").Offline("production")
	require.ErrorContains(t, err, "none is offline")
}

func FuzzParseAliasValue(f *testing.F) {
	for _, s := range []string{"green-production", "green-production=10,blue-production=90", "a=1,b=0", "=", ","} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := catalog.ParseAliasValue(s)
		if err != nil {
			return
		}
		require.NotEmpty(t, v.Live())
		again, err := catalog.ParseAliasValue(v.String())
		require.NoError(t, err)
		require.Equal(t, v, again)
	})
}
