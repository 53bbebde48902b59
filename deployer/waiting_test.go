package deployer_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"teal/catalog"
	"teal/deployer"
)

// waiting is what status and history say of the only deployment that awaits
// approval; empty when there is none.
func (w *world) waiting(t *testing.T) string {
	t.Helper()
	status, err := w.deployer().Status(t.Context(), "web")
	require.NoError(t, err)
	past, err := w.deployer().History(t.Context(), "web", "production")
	require.NoError(t, err)
	if len(status.Waiting) == 0 {
		require.Nil(t, past[0].Waits)
		return ""
	}
	require.Equal(t, []deployer.Waiting{*past[0].Waits}, status.Waiting)
	require.Equal(t, past[0].ID, past[0].Waits.Deployment)
	return past[0].Waits.String()
}

func TestStatusAndHistoryTellWhatIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	require.Empty(t, w.waiting(t))
	req := approved(time.Hour, catalog.Abort)
	w.awaiting(t, req)
	until := w.last(t).Approval.Until.Local().Format(time.DateTime)
	require.Equal(t, "awaits approval until "+until+" (then: abort)", w.waiting(t))

	w.approve(t)
	require.Equal(t, "approved by test@here; `teal resume` where its service file is goes on with it", w.waiting(t))
	w.overdue()
	require.Contains(t, w.waiting(t), "approved by", "in time")
	_, err := w.deployer().Resume(t.Context(), req)
	require.NoError(t, err)
	require.Empty(t, w.waiting(t))
}

func TestStatusAndHistoryTellThatTheTimeForApprovalIsOver(t *testing.T) {
	t.Parallel()
	w := twoReleases(t)
	w.awaiting(t, approved(time.Hour, catalog.Approve))
	w.overdue()
	until := w.last(t).Approval.Until.Local().Format(time.DateTime)
	require.Equal(t, "its time for approval is over since "+until+" (then: approve); `teal resume` where its service file is settles it", w.waiting(t))
}
