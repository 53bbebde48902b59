package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"teal/catalog/cow"
)

// savedVersion is what this Teal writes and reads. A change that an older one
// would misunderstand counts it up; a field that is added does not.
const savedVersion = 1

// ErrSavedVersion is a snapshot that another Teal has saved, in a form that this
// one does not know.
var ErrSavedVersion = errors.New("the snapshot was saved in another version of its form")

// savedSnapshot is a snapshot on disk.
type savedSnapshot struct {
	Version  int            `json:"version"`
	Saved    time.Time      `json:"saved"`
	Problems []Problem      `json:"problems,omitempty"`
	Services []savedService `json:"services"` // by name; written apart, one a line
}

// savedService is a service, with what Consul says of its keys beside what is in
// them.
type savedService struct {
	Name      string                     `json:"name"`
	Config    savedConfig                `json:"config,omitzero"`
	Aliases   map[string]savedAlias      `json:"aliases,omitempty"`
	Releases  map[Target]savedRelease    `json:"releases,omitempty"`
	Flips     map[string]savedFlipRecord `json:"flips,omitempty"`
	Halts     map[string]savedHalt       `json:"halts,omitempty"`
	Instances []Instance                 `json:"instances,omitempty"`
	Held      map[Target]savedHold       `json:"held,omitempty"`
}

type savedConfig struct {
	ServiceConfig
	Since uint64 `json:"since,omitempty"`
}

// IsZero is of the whole, which the one of ServiceConfig is not.
func (c savedConfig) IsZero() bool { return c.Since == 0 && c.ServiceConfig.IsZero() }

type savedAlias struct {
	Value AliasValue `json:"value"`
	Index uint64     `json:"index,omitempty"`
}

type savedRelease struct {
	Release
	Index uint64 `json:"index,omitempty"`
}

type savedFlipRecord struct {
	FlipRecord
	Index uint64 `json:"index,omitempty"`
}

type savedHalt struct {
	Halt
	Index uint64 `json:"index,omitempty"`
}

type savedHold struct {
	Since     time.Time  `json:"since"`
	Reason    string     `json:"reason"`
	Instances []Instance `json:"instances"`
}

// EncodeSnapshot writes a snapshot for a router that starts while Consul can't
// be read. at is when its view was true. Checks that pass are left out, and what
// the others have said; so is what is true only while it lives: AliasIndex,
// StaleSince and Restored.
func EncodeSnapshot(s Snapshot, at time.Time) []byte {
	head := encodeLine(savedSnapshot{Version: savedVersion, Saved: at.UTC(), Problems: s.Problems, Services: []savedService{}})
	open := bytes.LastIndexByte(head, '[') + 1
	out := bytes.NewBuffer(make([]byte, 0, len(head)+sizeOf(s)))
	out.Write(head[:open])
	lines := json.NewEncoder(out) // ends each with a line feed
	lines.SetEscapeHTML(false)
	between := "\n"
	for _, name := range s.Services.Keys() {
		out.WriteString(between)
		if err := lines.Encode(saveService(s.Services.At(name))); err != nil {
			panic(fmt.Sprintf("catalog: encode service %s: %v", name, err)) // it holds only what JSON can
		}
		between = ","
	}
	out.Write(head[open:])
	return append(out.Bytes(), '\n')
}

// sizeOf is about how many bytes the services take. A guess that is too small
// costs time, nothing else.
func sizeOf(s Snapshot) int {
	const perService, perInstance = 512, 256
	n := 0
	for _, service := range s.Services.All() {
		n += perService + perInstance*len(service.Instances)
	}
	return n
}

func encodeLine(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("catalog: encode %T: %v", v, err)) // it holds only what JSON can
	}
	return b
}

// ParseSnapshot reads what EncodeSnapshot wrote. Restored is when the view was
// true, and AliasIndex is 0: no flip counts as applied. The error is
// ErrSavedVersion for a form that is not known.
func ParseSnapshot(b []byte) (Snapshot, error) {
	version, err := decode[struct {
		Version int `json:"version"`
	}](b)
	if err == nil && version.Version != savedVersion {
		err = fmt.Errorf("%w: %d, not %d", ErrSavedVersion, version.Version, savedVersion)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("read a saved snapshot: %w", err)
	}
	saved, err := decode[savedSnapshot](b)
	if err == nil && saved.Saved.IsZero() {
		err = errors.New("it does not tell when it was saved")
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("read a saved snapshot: %w", err)
	}
	services := cow.Map[*Service]{}.Edit()
	for _, s := range saved.Services {
		if _, twice := services.Get(s.Name); twice || s.Name == "" {
			return Snapshot{}, fmt.Errorf("read a saved snapshot: service %q has no name, or is in it twice", s.Name)
		}
		services.Set(s.Name, s.service())
	}
	return Snapshot{Services: services.Done(), Problems: saved.Problems, Restored: saved.Saved}, nil
}
