package registrator

import (
	"bytes"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func TestTheLogTellsOfChangesOnly(t *testing.T) {
	h := newFakeHost(t)
	var log bytes.Buffer
	agent, err := New(Config{Options: options, Runtime: h, Registry: h, Logger: hclog.New(&hclog.LoggerOptions{Output: &log})})
	require.NoError(t, err)
	said := func(times int) string { // in several looks
		log.Reset()
		for range times {
			_ = agent.Once(t.Context())
		}
		return log.String()
	}
	h.containers = []catalog.Container{container("a", 80), labelled(container("b", 80), "SERVICE_COLOUR=red")}
	text := said(3)
	require.Equal(t, 2, strings.Count(text, "\n"), text)
	require.Contains(t, text, "registered: id=host-1:a:80")
	require.Regexp(t, "WARN.*not registered as it asks.*red", text)
	require.Empty(t, said(3))

	h.listFault = func() error { return errFault }
	text = said(3)
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	require.Contains(t, text, "trying again")
	h.listFault = nil
	text = said(3)
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	require.Contains(t, text, "up to date again")

	h.containers = h.containers[:1]
	text = said(3)
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	require.Regexp(t, "INFO.*a problem is gone.*red", text)
}
