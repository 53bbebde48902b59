package deployer

import (
	"context"
	"fmt"
	"time"

	"teal/catalog"
)

// Waiting is a deployment that awaits approval.
type Waiting struct {
	Deployment string          `json:"deployment"`
	Until      time.Time       `json:"until"` // when Then counts
	Then       catalog.Verdict `json:"then"`
	Over       bool            `json:"over,omitempty"` // nobody spoke until then
	// Said is what somebody has said and nobody has acted on yet; nil for nothing.
	Said *catalog.Decision `json:"said,omitempty"`
}

// String says what it waits for, or who has to do what.
func (w Waiting) String() string {
	until := w.Until.Local().Format(time.DateTime)
	switch {
	case w.Said != nil && w.Said.Verdict == catalog.Approve:
		return fmt.Sprintf("approved by %s; `teal resume` where its service file is goes on with it", w.Said.By)
	case w.Said != nil:
		return fmt.Sprintf("aborted by %s; `teal resume` where its service file is puts it back", w.Said.By)
	case w.Over:
		return fmt.Sprintf("its time for approval is over since %s (then: %s); `teal resume` where its service file is settles it", until, w.Then)
	}
	return fmt.Sprintf("awaits approval until %s (then: %s)", until, w.Then)
}

// waiting is what a deployment waits for; nil for one that does not await approval.
func (d *Deployer) waiting(ctx context.Context, record catalog.Deployment) (*Waiting, error) {
	if record.State != catalog.AwaitingApproval || record.Approval == nil {
		return nil, nil
	}
	said, ok, err := d.opt.Store.Decision(ctx, record.Service, record.Environment, record.ID)
	if err != nil {
		return nil, fmt.Errorf("read what was said of deployment %s: %w", record.ID, err)
	}
	w := &Waiting{Deployment: record.ID, Until: record.Approval.Until, Then: record.Approval.Then}
	if ok {
		w.Said = &said
	}
	w.Over = !ok && d.opt.Now().After(w.Until)
	return w, nil
}

// waitingOf is that for several deployments.
func (d *Deployer) waitingOf(ctx context.Context, all []catalog.Deployment) ([]Waiting, error) {
	var found []Waiting
	for _, record := range all {
		w, err := d.waiting(ctx, record)
		if err != nil {
			return nil, err
		}
		if w != nil {
			found = append(found, *w)
		}
	}
	return found, nil
}
