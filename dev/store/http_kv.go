package store

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// errMissingKey is the answer to a request that needs a key.
var errMissingKey = badRequest("Missing key name")

// getKV answers one key, a tree or key names.
func (s *Store) getKV(r *http.Request, raw string) (reply, error) {
	key, params := cleanKey(raw), r.URL.Query()
	if err := validKey(key); err != nil {
		return reply{}, err
	}
	switch {
	case params.Has("keys"):
		return s.getKeys(r, key)
	case params.Has("recurse"):
		return s.getTree(r, key)
	case key == "":
		return reply{}, errMissingKey
	}
	return s.getKey(r, key)
}

func (s *Store) getKey(r *http.Request, key string) (reply, error) {
	found, err := s.query(r, topicKV, func(st *state) answer {
		e := st.kv.entries[key]
		if e == nil {
			return answer{index: st.kv.index, missing: true}
		}
		return answer{body: []*kvEntry{e}, index: e.ModifyIndex}
	})
	if err == nil && found.body != nil && r.URL.Query().Has("raw") {
		found.body = append([]byte{}, found.body.([]*kvEntry)[0].Value...)
	}
	return orNotFound(found, err)
}

func (s *Store) getTree(r *http.Request, prefix string) (reply, error) {
	return orNotFound(s.query(r, topicKV, func(st *state) answer {
		found := answer{index: st.kv.prefixIndex(prefix)}
		if entries := st.kv.list(prefix); len(entries) > 0 {
			found.body = entries
		}
		return found
	}))
}

// getKeys answers names. The root exists even if it holds nothing.
func (s *Store) getKeys(r *http.Request, prefix string) (reply, error) {
	separator := r.URL.Query().Get("separator")
	return orNotFound(s.query(r, topicKV, func(st *state) answer {
		found := answer{index: st.kv.prefixIndex(prefix)}
		if keys := cutKeys(st.kv.keysUnder(prefix), len(prefix), separator); len(keys) > 0 || prefix == "" {
			found.body = keys
		}
		return found
	}))
}

// cutKeys returns the keys, cut after the first separator beyond the prefix.
func cutKeys(keys []string, prefix int, separator string) []string {
	cut := make([]string, 0, len(keys))
	for _, key := range keys {
		if separator != "" {
			if at := strings.Index(key[prefix:], separator); at >= 0 {
				key = key[:prefix+at+len(separator)]
			}
		}
		cut = append(cut, key)
	}
	return slices.Compact(cut)
}

// orNotFound answers 404 if there is nothing to show.
func orNotFound(found answer, err error) (reply, error) {
	if err == nil && found.body == nil {
		return reply{status: http.StatusNotFound, index: found.index}, nil
	}
	return queried(found, err)
}

// putKV stores a value, plainly or under a condition, and answers whether it did.
func (s *Store) putKV(r *http.Request, raw string) (reply, error) {
	key := cleanKey(raw)
	if key == "" {
		return reply{}, errMissingKey
	}
	if err := errors.Join(validKey(key), conflicting(r, "cas", "acquire", "release")); err != nil {
		return reply{}, err
	}
	e := kvEntry{Key: key}
	flags, _, err := indexParam(r, "flags")
	if err != nil {
		return reply{}, err
	}
	e.Flags = flags
	if e.Value, err = readValue(r); err != nil {
		return reply{}, err
	}
	index, cas, err := indexParam(r, "cas")
	if err != nil {
		return reply{}, err
	}
	stored := false
	err = s.update(func(w *write) error {
		out, err := w.applyPut(r.URL.Query(), e, index, cas)
		stored = out != nil
		return err
	})
	return reply{body: stored}, err
}

// applyPut stores e by the rule the parameters name; nil means it was refused.
func (w *write) applyPut(params url.Values, e kvEntry, index uint64, cas bool) (out *kvEntry, err error) {
	switch {
	case cas:
		return w.casKey(e, index), nil
	case params.Has("acquire"):
		if w.delayed(e.Key) {
			return nil, nil
		}
		e.Session = params.Get("acquire")
		out, err = w.lockKey(e)
	case params.Has("release"):
		e.Session = params.Get("release")
		out, err = w.unlockKey(e)
	default:
		return w.setKey(e), nil
	}
	if err != nil {
		err = fmt.Errorf("raft apply failed: %w", err)
	}
	return out, err
}

// deleteKV deletes a key or a tree and answers whether it is gone.
func (s *Store) deleteKV(r *http.Request, raw string) (reply, error) {
	key, recurse := cleanKey(raw), r.URL.Query().Has("recurse")
	if key == "" && !recurse {
		return reply{}, errMissingKey
	}
	if err := errors.Join(validKey(key), conflicting(r, "recurse", "cas")); err != nil {
		return reply{}, err
	}
	index, cas, err := indexParam(r, "cas")
	if err != nil {
		return reply{}, err
	}
	gone := true
	err = s.update(func(w *write) error {
		switch {
		case recurse:
			w.deleteTree(key)
		case cas:
			gone = w.deleteKeyCAS(key, index)
		default:
			w.deleteKey(key)
		}
		return nil
	})
	return reply{body: gone}, err
}

// cleanKey resolves what looks like a path, as Consul does to keys it is given
// in one.
func cleanKey(raw string) string {
	if raw == "" {
		return ""
	}
	key := path.Clean(raw)
	if strings.HasSuffix(raw, "/") && !strings.HasSuffix(key, "/") {
		key += "/"
	}
	return key
}

// validKey refuses what Consul refuses in a path.
func validKey(key string) error {
	if strings.HasPrefix(key, " ") || strings.HasSuffix(key, " ") {
		return errors.New("invalid key name, leading/trailing spaces are not allowed")
	}
	if slices.Contains(strings.Split(key, "/"), "..") {
		return errors.New("invalid key name, path traversal is not allowed")
	}
	return nil
}

// conflicting answers 400 if more than one of the parameters is given.
func conflicting(r *http.Request, names ...string) error {
	params := r.URL.Query()
	given := slices.DeleteFunc(names, func(name string) bool { return !params.Has(name) })
	if len(given) > 1 {
		return badRequest("Conflicting flags: %s\n", params.Encode())
	}
	return nil
}

// indexParam reads a numeric parameter and whether it was given.
func indexParam(r *http.Request, name string) (value uint64, given bool, err error) {
	params := r.URL.Query()
	if !params.Has(name) {
		return 0, false, nil
	}
	value, err = strconv.ParseUint(params.Get(name), 10, 64)
	return value, true, err
}

func readValue(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxValueSize {
		return nil, tooLarge("Request body(%d bytes) too large, max size: %d bytes.", r.ContentLength, maxValueSize)
	}
	value, err := io.ReadAll(io.LimitReader(r.Body, maxValueSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the value: %w", err)
	}
	if len(value) > maxValueSize {
		return nil, tooLarge("Request body too large. Max allowed is %d bytes.", maxValueSize)
	}
	return nonEmpty(value), nil
}
