package notify

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer/servicefile"
)

func TestPackageURL(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]string{
		"registry.example:5000/team/Web:1.4.0@sha256:0b31": "pkg:oci/web@sha256%3A0b31?repository_url=registry.example%3A5000/team/web&tag=1.4.0",
		"registry.example/web@sha256:0b31":                 "pkg:oci/web@sha256%3A0b31?repository_url=registry.example/web",
		"web@sha256:0b31":                                  "pkg:oci/web@sha256%3A0b31?repository_url=web",
		"registry.example:5000/web:1.4.0":                  "pkg:generic/shop@1.4.0%2Bx",
		"sha256:0b31":                                      "pkg:generic/shop@1.4.0%2Bx",
		"":                                                 "pkg:generic/shop@1.4.0%2Bx",
	} {
		require.Equal(t, want, packageURL(image, "shop", "1.4.0+x"), image)
	}
	require.Equal(t, "pkg:generic/shop", packageURL("", "shop", ""))
}

func TestCDEventsOfAState(t *testing.T) {
	t.Parallel()
	for state, want := range map[catalog.DeploymentState][]string{
		catalog.Pending:          {runStarted},
		catalog.AwaitingApproval: nil,
		catalog.Succeeded:        {runFinished, serviceUpgraded},
		catalog.Failed:           {runFinished},
		catalog.Aborted:          {runFinished},
		catalog.RolledBack:       {runFinished, serviceRolledBack},
		catalog.RollbackFailed:   {runFinished},
	} {
		var got []string
		for _, e := range New("", ended(state), nil).cloudEvents() {
			got = append(got, e.(cloudEvent).Type)
		}
		require.Equal(t, want, got, "%s", state)
	}
	first := ended(catalog.Succeeded)
	first.Previous = catalog.AliasValue{}
	byHand := Tidings{Record: ended(catalog.RolledBack), ByHand: true}.cloudEvents()
	require.Len(t, byHand, 1, "its run has finished long since")
	require.Equal(t, serviceRolledBack, byHand[0].(cloudEvent).Type)
	require.Equal(t, serviceDeployed, New("", first, nil).cloudEvents()[1].(cloudEvent).Type)
}

func TestCDEventAsItIsSent(t *testing.T) {
	t.Parallel()
	all, err := New("app", ended(catalog.Succeeded), nil).messages(servicefile.NotifyCDEvents)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, "application/cloudevents+json", all[1].contentType)
	require.JSONEq(t, `{
		"specversion": "1.0",
		"id": "20260301t120000.000z-abc123-upgraded",
		"source": "/teal/web/production",
		"type": "dev.cdevents.service.upgraded.0.2.0",
		"subject": "web",
		"time": "2026-03-01T12:00:12.34Z",
		"datacontenttype": "application/json",
		"data": {
			"context": {
				"version": "0.4.1",
				"id": "20260301t120000.000z-abc123-upgraded",
				"source": "/teal/web/production",
				"type": "dev.cdevents.service.upgraded.0.2.0",
				"timestamp": "2026-03-01T12:00:12.34Z"
			},
			"subject": {
				"id": "web",
				"source": "/teal/web/production",
				"type": "service",
				"content": {
					"environment": {"id": "production"},
					"artifactId": "pkg:oci/web@sha256%3A0b31?repository_url=registry.example%3A5000/team/web&tag=1.4.0"
				}
			},
			"customData": {
				"deployment": "20260301t120000.000z-abc123", "state": "succeeded", "service": "web", "target": "green-production",
				"release": "1.4.0", "revision": "0123456789abcdef0123", "by": "ann@ci"
			},
			"customDataContentType": "application/json"
		}
	}`, string(all[1].body))
	require.Contains(t, string(all[1].body), "&tag=1.4.0", "it is readable")
}

func TestCDEventsTellOutcomeAndWhatIsLiveAgain(t *testing.T) {
	t.Parallel()
	for state, want := range map[catalog.DeploymentState]string{
		catalog.Succeeded: "success", catalog.Failed: "failure", catalog.RolledBack: "failure",
		catalog.RollbackFailed: "failure", catalog.Aborted: "error", catalog.Superseded: "error",
	} {
		e := New("", ended(state), nil).cloudEvents()[0].(cloudEvent)
		require.Equal(t, want, e.Data.Subject.Content.(runContent).Outcome, "%s", state)
	}

	artifact := func(previous *catalog.Deployment) string {
		e := New("app", ended(catalog.RolledBack), previous).cloudEvents()[1].(cloudEvent)
		return e.Data.Subject.Content.(serviceContent).ArtifactID
	}
	before := ended(catalog.Succeeded)
	before.Images = map[string]string{"app": "registry.example/web@sha256:old"}
	require.Equal(t, "pkg:oci/web@sha256%3Aold?repository_url=registry.example/web", artifact(&before))
	failed := ended(catalog.Failed)
	require.Equal(t, "pkg:generic/web", artifact(&failed), "nobody knows what was live")
	require.Equal(t, "pkg:generic/web", artifact(nil))
}

func TestCDEventsAreSentInOrder(t *testing.T) {
	t.Parallel()
	r := newReceiver(t, 202)
	n := Notifier{}
	require.Empty(t, n.Tell(t.Context(), []servicefile.Notify{{Kind: servicefile.NotifyCDEvents, URL: r.URL}}, New("", ended(catalog.Succeeded), nil)))
	var types []string
	for _, body := range r.got() {
		var e cloudEvent
		require.NoError(t, json.Unmarshal([]byte(body), &e))
		types = append(types, e.Type)
	}
	require.Equal(t, []string{runFinished, serviceUpgraded}, types)
	require.Equal(t, []string{"application/cloudevents+json", "application/cloudevents+json"}, r.types)
}
