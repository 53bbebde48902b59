package saved

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"teal/catalog"
)

// Why there is nothing to restore, beside catalog.ErrSavedVersion and the errors
// of reading a file.
var (
	ErrNone   = errors.New("no snapshot has been saved yet")
	ErrTooOld = errors.New("the saved snapshot is too old")
	ErrBroken = errors.New("the saved snapshot is broken")
)

// Load reads what was saved. A broken file is put aside, with .bad after its
// name, for somebody to look at. Load may not be called while Run runs.
func (f *File) Load() (catalog.Snapshot, error) {
	b, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return catalog.Snapshot{}, fmt.Errorf("%w in %s; the first view of Consul will be", ErrNone, f.Path)
	}
	if err != nil {
		return catalog.Snapshot{}, fmt.Errorf("restore the saved snapshot: %w", err)
	}
	s, err := catalog.ParseSnapshot(b)
	if errors.Is(err, catalog.ErrSavedVersion) {
		return catalog.Snapshot{}, fmt.Errorf("restore %s: %w; the next view of Consul replaces it", f.Path, err)
	}
	if err != nil {
		return catalog.Snapshot{}, f.putAside(err)
	}
	if age := f.Now().Sub(s.Restored); f.MaxAge > 0 && age > f.MaxAge {
		return catalog.Snapshot{}, fmt.Errorf("restore %s: %w: it is of %s, %s ago, and may be %s old at most",
			f.Path, ErrTooOld, s.Restored.Format(time.RFC3339), age.Round(time.Second), f.MaxAge)
	}
	return s, nil
}

func (f *File) putAside(broken error) error {
	bad := f.Path + ".bad"
	if err := os.Rename(f.Path, bad); err != nil {
		return fmt.Errorf("restore %s: %w: %w; it can't be put aside either: %w", f.Path, ErrBroken, broken, err)
	}
	return fmt.Errorf("restore %s: %w: %w; it is now %s, look at it or delete it", f.Path, ErrBroken, broken, bad)
}
