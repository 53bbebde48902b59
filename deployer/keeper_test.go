package deployer_test

import (
	"context"
	"fmt"
	"maps"
	"time"

	"teal/catalog"
)

func (w *world) HeldLock(ctx context.Context, service, env string) (catalog.HeldLock, bool, error) {
	if err := w.before(ctx, "held", env); err != nil {
		return catalog.HeldLock{}, false, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holder == "" {
		return catalog.HeldLock{}, false, nil
	}
	record := catalog.LockRecord{Holder: "ops@here", Deployment: w.holder, Since: time.Unix(1, 0).UTC()}
	return catalog.HeldLock{LockRecord: record, Session: w.holder, Alive: !w.orphaned, Index: 7}, true, nil
}

func (w *world) BreakLock(ctx context.Context, service, env string, held catalog.HeldLock) error {
	if err := w.before(ctx, "break", env); err != nil {
		return err
	}
	w.mu.Lock()
	mine := w.holder == held.Session
	w.mu.Unlock()
	if !mine {
		return fmt.Errorf("break: %w", catalog.ErrLocked)
	}
	w.breakLock()
	return nil
}

func (w *world) DeleteDeployment(ctx context.Context, d catalog.Deployment, session string) error {
	if err := w.before(ctx, "forget", d.ID); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.holds(d.Service, session); err != nil {
		return err
	}
	if w.deployments[d.ID].State != d.State {
		return fmt.Errorf("forget %s: %w", d.ID, catalog.ErrChanged)
	}
	delete(w.deployments, d.ID)
	delete(w.decisions, d.ID)
	return nil
}

func (w *world) ServiceConfigs(ctx context.Context) (map[string]catalog.ServiceConfig, error) {
	if err := w.before(ctx, "configs", ""); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	all := maps.Clone(w.others)
	if all == nil {
		all = map[string]catalog.ServiceConfig{}
	}
	all["web"] = w.config
	return all, nil
}
