package hosts

import (
	"context"
	"io"
	"time"

	"teal/catalog"
)

// Host is one Docker engine, or the platform of local processes that stands in
// for one. It is safe for concurrent use.
type Host interface {
	// Name is what people call the host.
	Name() string
	// Ping tells whether the host answers.
	Ping(ctx context.Context) error
	// Info is what the host tells of itself and of the machine it is on.
	Info(ctx context.Context) (catalog.Machine, error)
	// Pull makes the image available and answers its id; an image that is there
	// already is fine.
	Pull(ctx context.Context, image string) (digest string, err error)
	// Image is an image as the host has it; one that it has not is
	// catalog.ErrNoImage.
	Image(ctx context.Context, ref string) (catalog.Image, error)
	// Images are those with a tag or a digest of a repository, which is an image's
	// name without them: "registry:5000/shop-api".
	Images(ctx context.Context, repository string) ([]catalog.Image, error)
	// RemoveImage removes an image with all its names; one that is gone already is
	// fine, one that a container is made from is catalog.ErrInUse.
	RemoveImage(ctx context.Context, id string) error
	// EnsureNetwork makes a private network unless it exists.
	EnsureNetwork(ctx context.Context, name string, labels map[string]string) error
	// RemoveNetwork removes a network; one that is gone already is fine.
	RemoveNetwork(ctx context.Context, name string) error
	// Create makes a container without starting it, in its networks and with its
	// files, or leaves nothing behind. A name that is taken is
	// catalog.ErrNameTaken.
	Create(ctx context.Context, spec catalog.ContainerSpec) (id string, err error)
	// Start starts a container; one that runs already is fine.
	Start(ctx context.Context, id string) error
	// Stop asks a container to end and kills it after grace; one that is stopped
	// already is fine.
	Stop(ctx context.Context, id string, grace time.Duration) error
	// Wait waits until a container has ended, for good where it is restarted, and
	// answers the exit code of its last run. It answers at once for one that does
	// not run.
	Wait(ctx context.Context, id string) (exitCode int, err error)
	// Rename gives a container another name.
	Rename(ctx context.Context, id, name string) error
	// Remove removes a stopped container; one that is gone already is fine.
	Remove(ctx context.Context, id string) error
	// Describe is what a container was made from, its files as they are now, under
	// the name it has now: Create makes another like it of that, on the same host.
	// What its image says of itself may be left out.
	Describe(ctx context.Context, id string) (catalog.ContainerSpec, error)
	// List tells the containers, running or not, that have all the labels.
	List(ctx context.Context, labels map[string]string) ([]catalog.Container, error)
	// Logs is the last lines a container wrote.
	Logs(ctx context.Context, id string, lines int) (string, error)
	// Follow copies to out what a container writes, after the last lines that it
	// has written before, or all of them when lines is negative. It ends with the
	// container, or with ctx, whose error it answers then.
	Follow(ctx context.Context, id string, lines int, out io.Writer) error
}
