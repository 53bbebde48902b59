package docker

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"teal/catalog"
)

// maxFile is how long a file may be that is read back: no secret or config is.
const maxFile = 16 << 20

// takeFiles reads the files back that were put into a container, as a label of
// its says.
func (e *Engine) takeFiles(ctx context.Context, id, label string) ([]catalog.File, error) {
	if label == "" {
		return nil, nil
	}
	var paths []string
	if err := json.Unmarshal([]byte(label), &paths); err != nil {
		return nil, fmt.Errorf("read its label %s: %w", catalog.LabelFiles, err)
	}
	files := make([]catalog.File, len(paths))
	for n, path := range paths {
		var err error
		if files[n], err = e.takeFile(ctx, id, path); err != nil {
			return nil, fmt.Errorf("read back file %s: %w", path, err)
		}
	}
	return files, nil
}

func (e *Engine) takeFile(ctx context.Context, id, path string) (catalog.File, error) {
	stream, _, err := e.api.CopyFromContainer(ctx, id, path)
	if err != nil {
		return catalog.File{}, err
	}
	defer stream.Close()
	return unarchive(path, stream)
}

// unarchive is the only file of an archive.
func unarchive(path string, archive io.Reader) (catalog.File, error) {
	r := tar.NewReader(archive)
	header, err := r.Next()
	switch {
	case err != nil:
		return catalog.File{}, err
	case header.Typeflag != tar.TypeReg:
		return catalog.File{}, fmt.Errorf("it is a file no more")
	case header.Size > maxFile:
		return catalog.File{}, fmt.Errorf("it has grown to %d bytes, and at most %d can be kept", header.Size, maxFile)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return catalog.File{}, err
	}
	return catalog.File{Path: path, Content: content, Mode: uint32(header.FileInfo().Mode().Perm()), UID: header.Uid, GID: header.Gid}, nil
}
