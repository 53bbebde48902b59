package router

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/router/limit"
)

func TestConnectionsThatAreRefusedAreNoAttempts(t *testing.T) {
	const instances = 8
	refused, reset := limit.Refused, limit.Reset
	for name, c := range map[string]struct {
		attempts int
		fails    []limit.Failure // one after the other
		again    bool            // after the last of them
	}{
		"all refuse but one":           {0, []limit.Failure{refused, refused, refused, refused, refused, refused, refused}, true},
		"all refuse":                   {0, []limit.Failure{refused, refused, refused, refused, refused, refused, refused, refused}, false},
		"as many break off as may":     {0, []limit.Failure{reset, reset, reset}, false},
		"one less":                     {0, []limit.Failure{reset, reset}, true},
		"some do this and some that":   {0, []limit.Failure{refused, reset, refused, reset, refused}, true},
		"of which too many break off":  {0, []limit.Failure{refused, reset, refused, reset, reset}, false},
		"none again, however it fails": {1, []limit.Failure{refused}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t)
			s := snapshotOf(bluePro)
			web := s.Services.At("web")
			web.Config.Retry = &catalog.Retry{Attempts: c.attempts}
			web.Instances = nil
			for n := range instances {
				web.Instances = append(web.Instances, instanceOf(bluePro, fmt.Sprint(n), 1000+n))
			}
			p.publish(s)
			var claim Claim
			require.Nil(t, p.dispatch.begin(t.Context(), &claim, askWeb))
			defer claim.Release(Class5xx)
			for n, how := range c.fails {
				claim.Failed(how)
				require.Equal(t, c.again || n < len(c.fails)-1, claim.Again(t.Context()), "after failure %d", n+1)
			}
		})
	}
}
