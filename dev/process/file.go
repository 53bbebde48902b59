package process

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"teal/catalog"
)

// folderMode is that of folders that are made for a file.
const folderMode = 0o755

// files are the paths of what was written for a process.
type files []string

// writeFiles writes the files of a spec into the process's working folder. It has
// no other folder of its own, so files elsewhere are refused; as are those that
// would replace what is there, which is its user's. They belong to that user, as
// the process does. After an error none is left.
func writeFiles(spec catalog.ContainerSpec) (written files, err error) {
	defer func() {
		if err != nil {
			written.remove()
			written = nil
		}
	}()
	for _, f := range spec.Files {
		if err := writeFile(spec.WorkingDir, f); err != nil {
			return written, fmt.Errorf("write file %s: %w", f.Path, err)
		}
		written = append(written, f.Path)
	}
	return written, nil
}

func writeFile(folder string, f catalog.File) error {
	inside, err := filepath.Rel(folder, f.Path)
	if folder == "" || err != nil || !filepath.IsLocal(inside) || inside == "." {
		return fmt.Errorf("a local process has only files below its working folder, which is %q; put it there, or use Docker", folder)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("open the working folder: %w", err)
	}
	defer root.Close()
	if err := root.MkdirAll(filepath.Dir(inside), folderMode); err != nil {
		return err
	}
	return writeNew(root, inside, f)
}

// writeNew writes a file that must not be there yet, or leaves nothing of it.
func writeNew(root *os.Root, name string, f catalog.File) (err error) {
	mode := fs.FileMode(f.Mode).Perm()
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(f.Content)
	if err == nil {
		err = file.Chmod(mode) // whatever the umask says
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		_ = root.Remove(name) // the first error tells more
	}
	return err
}

// remove takes the files away; the folders that were made for them stay.
func (f files) remove() {
	for _, path := range slices.Backward(f) {
		_ = os.Remove(path) // somebody else was faster
	}
}
