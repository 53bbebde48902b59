package edge

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// findPairs lists the certificates of a folder and of its subfolders, one level
// down, by name:
//
//	shop.crt (or shop.pem) + shop.key           "shop"
//	example.com/fullchain.pem + privkey.pem     "example.com", as Let's Encrypt's clients write it
//	example.com/tls.crt + tls.key               "example.com/tls", as Kubernetes mounts it
//
// A file without its other half, such as a CA beside them, is passed over; so
// is what begins with a dot.
func findPairs(folder string) ([]Pair, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list the certificates' folder: %w", err)
	}
	pairs := pairsIn(folder, "", entries)
	for _, e := range entries {
		sub := filepath.Join(folder, e.Name())
		info, err := os.Stat(sub) // it may be a link to a folder
		if hidden(e.Name()) || err != nil || !info.IsDir() {
			continue
		}
		inside, err := os.ReadDir(sub)
		if err != nil {
			return nil, fmt.Errorf("list the certificates' folder: %w", err)
		}
		pairs = append(pairs, pairsIn(sub, e.Name(), inside)...)
	}
	slices.SortFunc(pairs, func(a, b Pair) int { return strings.Compare(a.Name, b.Name) })
	return pairs, nil
}

// pairsIn picks the pairs from one folder's entries; below is its name inside
// the folder of certificates.
func pairsIn(folder, below string, entries []os.DirEntry) []Pair {
	has := make(map[string]bool, len(entries))
	for _, e := range entries {
		has[e.Name()] = true
	}
	var pairs []Pair
	add := func(name, cert, key string) {
		pairs = append(pairs, Pair{Name: name, Cert: filepath.Join(folder, cert), Key: filepath.Join(folder, key)})
	}
	if has["fullchain.pem"] && has["privkey.pem"] {
		name := below
		if name == "" {
			name = filepath.Base(folder)
		}
		add(name, "fullchain.pem", "privkey.pem")
	}
	for _, e := range entries {
		stem, isKey := strings.CutSuffix(e.Name(), ".key")
		if !isKey || hidden(stem) {
			continue
		}
		for _, cert := range []string{stem + ".crt", stem + ".pem"} {
			if has[cert] {
				add(filepath.Join(below, stem), cert, e.Name())
				break
			}
		}
	}
	return pairs
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }
