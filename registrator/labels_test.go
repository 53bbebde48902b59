package registrator

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"teal/catalog"
)

func tcp(private int) catalog.Port { return catalog.Port{Private: private, Protocol: "tcp"} }

func TestLabelsWinOverVariablesAndPortsOverAll(t *testing.T) {
	s := parseSettings(
		map[string]string{"SERVICE_NAME": "label", "SERVICE_8080_TAGS": "port", "OTHER": "x"},
		map[string]string{"SERVICE_NAME": "variable", "SERVICE_TAGS": "general", "SERVICE_8080_NAME": "port-variable", "PATH": "/bin"})
	require.Equal(t, map[string]string{"NAME": "port-variable", "TAGS": "port"}, s.port(tcp(8080), false))
	require.Equal(t, map[string]string{"NAME": "label", "TAGS": "general"}, s.port(tcp(9090), false))
	require.True(t, s.named(tcp(8080)))
	require.False(t, s.named(tcp(9090)))
}

func TestAPortsColourReplacesEitherSpelling(t *testing.T) {
	s := parseSettings(map[string]string{"SERVICE_COLOR": "blue", "SERVICE_80_COLOUR": "green"}, nil)
	c, err := colourIn(s.port(tcp(80), false))
	require.NoError(t, err)
	require.Equal(t, catalog.Green, c)
	c, err = colourIn(s.port(tcp(81), false))
	require.NoError(t, err)
	require.Equal(t, catalog.Blue, c)
}

func TestCutPort(t *testing.T) {
	for attr, want := range map[string]struct {
		key  portKey
		rest string
		ok   bool
	}{
		"8080_NAME":       {portKey{private: 8080}, "NAME", true},
		"80_CHECK_HTTP":   {portKey{private: 80}, "CHECK_HTTP", true},
		"53_UDP_NAME":     {portKey{53, "udp"}, "NAME", true},
		"53_TCP_CHECK_X":  {portKey{53, "tcp"}, "CHECK_X", true},
		"53_UDP":          {portKey{private: 53}, "UDP", true},
		"53_UDP_":         {portKey{private: 53}, "UDP_", true},
		"NAME":            {},
		"8080":            {},
		"8080_":           {},
		"0_NAME":          {},
		"65536_NAME":      {},
		"+80_NAME":        {},
		"80X_NAME":        {},
		"99999999999_TAG": {},
	} {
		key, rest, ok := cutPort(attr)
		require.Equal(t, want.ok, ok, attr)
		if ok {
			require.Equal(t, want.key, key, attr)
			require.Equal(t, want.rest, rest, attr)
		}
	}
}

func TestSplitTags(t *testing.T) {
	for value, want := range map[string][]string{
		"":                nil,
		" , ,":            nil,
		"a,b":             {"a", "b"},
		" a , b ":         {"a", "b"},
		`urlprefix-/a\,b`: {"urlprefix-/a,b"},
		`a\,b,c`:          {"a,b", "c"},
		`a\b`:             {`a\b`},
		`a\`:              {`a\`},
		"grün,blå":        {"grün", "blå"},
	} {
		require.Equal(t, want, splitTags(value), value)
	}
}

func TestIsTrue(t *testing.T) {
	for _, yes := range []string{"true", "1", "yes", "anything"} {
		require.True(t, isTrue(yes), yes)
	}
	for _, no := range []string{"", " ", "false", "False", "no", "off", "0"} {
		require.False(t, isTrue(no), no)
	}
}

func TestColour(t *testing.T) {
	for _, test := range []struct {
		colour, color string
		want          catalog.Colour
		err           string
	}{
		{"", "", "", ""},
		{"blue", "", catalog.Blue, ""},
		{"", "Green", catalog.Green, ""},
		{"blue", "BLUE", catalog.Blue, ""},
		{"blue", "green", "", "different colours"},
		{"red", "", "", "unknown colour"},
		{"blue", "red", "", "unknown colour"},
	} {
		got, err := colourIn(map[string]string{"COLOUR": test.colour, "COLOR": test.color})
		if test.err != "" {
			require.ErrorContains(t, err, test.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, test.want, got)
	}
}

func TestUserMeta(t *testing.T) {
	meta, complaints := userMeta(map[string]string{
		"NAME": "web", "CHECK_HTTP": "/", "CHECK_ODD": "x", "TEAM": "payments", "Cost.Centre": "42", "EMPTY": "",
		"OWNER": "me", "CONSUL-X": "y", "LONG": strings.Repeat("é", 400), "A.B": "first", "A:B": "second",
	})
	require.Equal(t, map[string]string{
		"team": "payments", "cost_centre": "42", "long": strings.Repeat("é", 256), "a_b": "first",
	}, meta)
	require.Len(t, complaints, 3)
	require.Contains(t, complaints[0], `SERVICE_A:B is left out`)
	require.Contains(t, complaints[1], `SERVICE_CONSUL-X is left out`)
	require.Contains(t, complaints[2], `SERVICE_OWNER is left out`)
}

func TestCutKeepsCharactersWhole(t *testing.T) {
	require.Equal(t, "ab", cut("abc", 2))
	require.Equal(t, "a", cut("aé", 2))
	require.Equal(t, "aé", cut("aé", 3))
	require.Empty(t, cut("é", 1))
}

// FuzzLabels holds that whatever a container says, what comes of it is something
// that Consul takes whole.
func FuzzLabels(f *testing.F) {
	f.Add("SERVICE_NAME", "web", "SERVICE_80_TAGS", `a\,b,c`)
	f.Add("SERVICE_ENVIRONMENT", "production", "SERVICE_COLOUR", "blue")
	f.Add("SERVICE_80_CHECK_HTTP", "/health?x=y z", "SERVICE_CHECK_INTERVAL", "-1s")
	f.Add("SERVICE_\xff.TEAM", "\xfe", "SERVICE_ÄRGER", strings.Repeat("x", 600))
	f.Add("SERVICE_80_UDP_CHECK_GRPC", "a.B", "SERVICE_IP", "fd00::1")
	f.Add("SERVICE_CHECK_HTTP_HEADER", "Host: a, b", "SERVICE_CHECK_HTTP", "/")
	f.Add("SERVICE_NETWORK", "n", "SERVICE_CHECK_DOCKER_HEALTH", "1")
	f.Add("SERVICE_65535_TCP_NAME", "edge", "SERVICE_65536_NAME", "beyond")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		c := container("web", 80, 8080)
		c.Labels = map[string]string{name1: value1}
		c.Env = map[string]string{name2: value2}
		c.Networks, c.Health = []catalog.Network{{Name: "n", IP: "10.1.0.2"}}, unhealthy
		member := labelled(container("member"), name1+"="+value1)
		member.NetworkMode = "container:web"
		onHost := labelled(container("host"), name2+"="+value2)
		onHost.NetworkMode = "host"
		opt := Options{Owner: "host", Address: "10.0.0.1"}
		registrations, problems := Desired([]catalog.Container{c, member, onHost}, opt)
		for _, p := range problems {
			require.NotEmpty(t, p.Message)
		}
		for _, r := range registrations {
			takenByConsul(t, r)
		}
		again, _ := Desired([]catalog.Container{c, member, onHost}, opt)
		require.Equal(t, registrations, again)
		require.True(t, isEmpty(Plan(again, registrations, "host")))
	})
}

func takenByConsul(t *testing.T, r catalog.Registration) {
	t.Helper()
	require.NotEmpty(t, r.ID)
	require.NotEmpty(t, r.Service)
	require.True(t, utf8.ValidString(r.ID+r.Service+strings.Join(r.Tags, "")))
	require.LessOrEqual(t, len(r.Meta), maxMetaPairs)
	for key, value := range r.Meta {
		require.Regexp(t, `^[A-Za-z0-9_-]{1,128}$`, key)
		require.LessOrEqual(t, len(value), maxMetaValue)
		require.True(t, utf8.ValidString(value))
	}
	ids := map[string]bool{}
	for _, check := range r.Checks {
		require.False(t, ids[check.ID])
		ids[check.ID] = true
		require.True(t, check.TTL > 0 || (check.Interval > 0 && check.Timeout > 0))
		require.NoError(t, options.advertisable(r.Address))
		require.True(t, r.Port > 0 && r.Port <= maxPort)
	}
}
