//go:build integration

package integration

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/consul"
	"teal/consul/consultest"
)

// policies are the rules that docs/ACL.md gives for each part.
func policies(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../docs/ACL.md")
	require.NoError(t, err)
	found := map[string]string{}
	block := regexp.MustCompile("(?s)## (\\w+)\n.*?```hcl\n(.*?)```")
	for _, m := range block.FindAllStringSubmatch(string(text), -1) {
		found[strings.ToLower(m[1])] = m[2]
	}
	return found
}

// token makes a token with just these rules.
func token(t *testing.T, client *api.Client, name, rules string) string {
	t.Helper()
	policy, _, err := client.ACL().PolicyCreate(&api.ACLPolicy{Name: name, Rules: rules}, nil)
	require.NoError(t, err)
	made, _, err := client.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: policy.ID}}}, nil)
	require.NoError(t, err)
	return made.SecretID
}

// The policies in the documentation are enough, and without a token the reason
// is told.
func TestDocumentedPoliciesAreEnough(t *testing.T) {
	const root = "11111111-2222-3333-4444-555555555555"
	agent := consultest.Start(t, consultest.ACLs(root))
	rules := policies(t)
	tokens := map[string]string{}
	for _, part := range []string{"router", "registrator", "deployer"} {
		require.NotEmpty(t, rules[part], "docs/ACL.md says nothing of the %s", part)
		tokens[part] = token(t, agent.Client(), part, rules[part])
	}
	buildShop(t)
	w := &world{consul: agent, proxy: freeAddr(t), admin: freeAddr(t)}
	w.start(t, "CONSUL_HTTP_TOKEN="+tokens["router"], "router", "--listen", w.proxy, "--admin", w.admin, "--id", "r1")
	w.start(t, "CONSUL_HTTP_TOKEN="+tokens["registrator"], "registrator", "--listen", "127.0.0.1:0")
	w.awaitRouter(t)

	r := w.run(t, []string{"RELEASE=" + first}, "deploy", "--file", shopFile(t))
	require.NotZero(t, r.code)
	require.Contains(t, r.out, "CONSUL_HTTP_TOKEN", "a refusal names the next step")

	for _, release := range []string{first, second} {
		r = w.run(t, []string{"RELEASE=" + release, "CONSUL_HTTP_TOKEN=" + tokens["deployer"]}, "deploy", "--file", shopFile(t))
		require.Zero(t, r.code, r.out)
	}
	code, body := w.get(t, shop+".localhost", "/")
	require.Equal(t, 200, code, body)
	require.Contains(t, body, second)
	r = w.run(t, []string{"CONSUL_HTTP_TOKEN=" + tokens["deployer"]}, "rollback", shop)
	require.Zero(t, r.code, r.out)
	require.Equal(t, 200, w.putAdmin(t, "/v1/services/"+shop+"/aliases/production", "green-production"))
}

// An approver may decide, and nothing else of what a deployer may.
func TestAnApproverMayDecideOnly(t *testing.T) {
	const root = "11111111-2222-3333-4444-555555555555"
	agent := consultest.Start(t, consultest.ACLs(root))
	as := func(token string) *consul.Store {
		t.Setenv("CONSUL_HTTP_TOKEN", token)
		s, err := consul.New(consul.Options{Address: agent.Addr})
		require.NoError(t, err)
		return s
	}
	rules := policies(t)
	deployer, approver := as(token(t, agent.Client(), "deployer", rules["deployer"])), as(token(t, agent.Client(), "approver", rules["approver"]))
	session, _, err := deployer.Lock(t.Context(), "web", "production", catalog.LockRecord{Holder: "ops@here"})
	require.NoError(t, err)
	d := catalog.Deployment{ID: "d1", Service: "web", Environment: "production", State: catalog.AwaitingApproval}
	require.NoError(t, deployer.PutDeployment(t.Context(), d, session))

	require.NoError(t, approver.Decide(t.Context(), "web", "production", "d1", catalog.Decision{Verdict: catalog.Approve, By: "lead@there"}))
	require.ErrorContains(t, approver.PutDeployment(t.Context(), d, session), "ermission denied")
	got, there, err := deployer.Decision(t.Context(), "web", "production", "d1")
	require.NoError(t, err)
	require.True(t, there)
	require.Equal(t, "lead@there", got.By)
	list, err := deployer.Deployments(t.Context(), "web", "production")
	require.NoError(t, err)
	require.NoError(t, deployer.DeleteDeployment(t.Context(), list[0], session))
	require.NoError(t, deployer.Unlock(t.Context(), "web", "production", session))
}
