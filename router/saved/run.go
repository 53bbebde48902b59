package saved

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"teal/catalog"
)

// Run saves what Keep hands in until ctx ends, and then once more if something
// has changed. It returns nil: a path that can't be written is logged, and tried
// again, but keeps nobody from routing. One Run at a time.
func (f *File) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	w := writer{file: f}
	for {
		select {
		case <-ctx.Done():
			w.save()
			return nil
		case <-f.news():
		case <-ticker.C:
		}
		began := time.Now()
		w.save()
		rest(ctx, max(cmp.Or(f.Every, DefaultEvery), restFactor*time.Since(began)))
	}
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// writer is what Run knows of the file.
type writer struct {
	file    *File
	written *catalog.Snapshot // nil before the first write
	at      time.Time         // when its view was true
	failing bool
}

// save writes the latest snapshot if it is worth it.
func (w *writer) save() {
	latest := w.file.latest.Load()
	if latest == nil || w.written != nil && !w.file.due(*latest, *w.written, w.at) {
		return
	}
	at := trueAt(*latest, w.file.Now())
	err := w.file.write(*latest, at)
	switch {
	case err != nil && !w.failing:
		w.file.Logger.Warn("can't save the snapshot, so a router that starts while Consul is silent has no routes; make the path writable",
			"path", w.file.Path, "error", err)
	case err == nil && w.failing:
		w.file.Logger.Info("the snapshot is saved again", "path", w.file.Path)
	}
	w.failing = err != nil
	if err == nil {
		w.written, w.at = latest, at
	}
}

// write puts the snapshot aside first and then in the file's place, so that the
// file is whole at every moment. The snapshot is only encoded once there is
// somewhere to write to.
func (f *File) write(s catalog.Snapshot, at time.Time) (err error) {
	pending, err := renameio.NewPendingFile(f.Path,
		renameio.WithTempDir(filepath.Dir(f.Path)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return fmt.Errorf("save the snapshot: %w", err)
	}
	defer func() { _ = pending.Cleanup() }() // of what is left after an error
	if _, err = pending.Write(catalog.EncodeSnapshot(s, at)); err == nil {
		err = pending.CloseAtomicallyReplace()
	}
	if err != nil {
		return fmt.Errorf("save the snapshot: %w", err)
	}
	return nil
}
