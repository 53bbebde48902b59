package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"teal/catalog"
)

// folderMode is that of folders that are made for a file: what is secret is told
// by the file's own mode.
const folderMode = 0o755

// putFile puts a file into a container that need not run.
func (e *Engine) putFile(ctx context.Context, id string, f catalog.File) error {
	if !path.IsAbs(f.Path) || strings.HasSuffix(f.Path, "/") {
		return fmt.Errorf("%q is not the absolute path of a file", f.Path)
	}
	base, missing, err := e.deepest(ctx, id, path.Dir(path.Clean(f.Path)))
	if err != nil {
		return err
	}
	content, err := archive(missing, f)
	if err != nil {
		return err
	}
	return e.api.CopyToContainer(ctx, id, base, content, container.CopyToContainerOptions{})
}

// maxLinks is how many symbolic links a path in a container may lead through.
const maxLinks = 40

// deepest splits a folder's path in a container into what is there, with its
// links followed, and the names of what is missing below it. The engine would
// make the missing ones too, for root alone, and would put a folder in the place
// of a link.
func (e *Engine) deepest(ctx context.Context, id, folder string) (base string, missing []string, err error) {
	links := 0
	base, missing = "/", split(folder)
	for len(missing) > 0 {
		next := path.Join(base, missing[0])
		stat, err := e.api.ContainerStatPath(ctx, id, next)
		switch {
		case errdefs.IsNotFound(err):
			return base, missing, nil
		case err != nil:
			return "", nil, err
		case stat.Mode&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", nil, fmt.Errorf("%s leads through too many links", folder)
			}
			// The engine tells where a link leads from the container's root on.
			base, missing = "/", append(split(stat.LinkTarget), missing[1:]...)
		case !stat.Mode.IsDir():
			return "", nil, fmt.Errorf("%s is a file in the image, not a folder", next)
		default:
			base, missing = next, missing[1:]
		}
	}
	return base, missing, nil
}

func split(folder string) []string {
	return slices.DeleteFunc(strings.Split(path.Clean(folder), "/"), func(name string) bool { return name == "" || name == "." })
}

// archive is a file with the folders that lead to it. It is pure.
func archive(folders []string, f catalog.File) (io.Reader, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for n := range folders {
		name := path.Join(folders[:n+1]...) + "/"
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: folderMode}); err != nil {
			return nil, err
		}
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(append(slices.Clone(folders), path.Base(f.Path))...),
		Size: int64(len(f.Content)), Mode: int64(f.Mode), Uid: f.UID, Gid: f.GID,
	}
	if err := w.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := w.Write(f.Content); err != nil {
		return nil, err
	}
	return &b, w.Close()
}
