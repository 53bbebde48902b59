package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// DigestTimeout is how long a registry may take to say what a name means.
const DigestTimeout = 15 * time.Second

// userAgent is how Teal introduces itself to registries.
const userAgent = "teal"

// Client speaks to image registries, with the credentials that `docker login`
// left on this machine. Plain HTTP is spoken to registries at loopback and
// private IPv4 addresses and at names below localhost, where HTTPS is not
// answered. It keeps nothing between calls and is safe for concurrent use.
type Client struct {
	patience time.Duration // how long Digest waits
}

// New makes a Client. It opens no connection.
func New() *Client { return &Client{patience: DigestTimeout} }

func (*Client) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent(userAgent),
	}
}

// Digest is what an image's name means at its registry right now, as
// "name@sha256:…". One that has a digest already is answered as it is, unasked.
// The error is catalog.ErrNoImage when the registry has no such image. It takes
// DigestTimeout at most.
func (c *Client) Digest(ctx context.Context, image string) (pinned string, err error) {
	p, err := parse(image)
	if err != nil {
		return "", err
	}
	if p.digest != "" {
		return image, nil
	}
	ctx, done := context.WithTimeoutCause(ctx, c.patience, p.silence(c.patience))
	defer done()
	digest, err := c.digest(ctx, p)
	if err != nil {
		return "", p.wrap(ctx, err, "ask what image %s is", image)
	}
	return p.at(digest), nil
}

// digest asks for the headers alone, which registries that count pulls don't
// count, and for the manifest where they do not tell.
func (c *Client) digest(ctx context.Context, p place) (string, error) {
	head, err := remote.Head(p.ref(), c.options(ctx)...)
	if err == nil {
		return head.Digest.String(), nil
	}
	if ctx.Err() != nil || isMissing(err) || isRefused(err) {
		return "", err
	}
	got, err := remote.Get(p.ref(), c.options(ctx)...)
	if err != nil {
		return "", err
	}
	return got.Digest.String(), nil
}

// Copy puts an image under another name, at the same registry or another, and
// answers it as "name@sha256:…". Manifests and layers are copied byte by byte,
// those of all platforms, so that the digest is the same at both ends. What the
// other end has already is not sent again. The error is catalog.ErrNoImage when
// there is nothing to copy. It takes as long as ctx allows.
func (c *Client) Copy(ctx context.Context, from, to string) (pinned string, err error) {
	source, err := parse(from)
	if err != nil {
		return "", err
	}
	destination, err := parse(to)
	if err != nil {
		return "", err
	}
	image, err := remote.Get(source.ref(), c.options(ctx)...)
	if err != nil {
		return "", source.wrap(ctx, err, "copy image %s to %s: read it", from, to)
	}
	digest := image.Digest.String()
	if destination.digest != "" && destination.digest != digest {
		return "", fmt.Errorf("copy image %s to %s: it is %s; name the copy by a tag", from, to, digest)
	}
	if err := remote.Push(destination.goal(), image, c.options(ctx)...); err != nil {
		return "", destination.wrapPush(ctx, err, source, "copy image %s to %s", from, to)
	}
	if err := c.verify(ctx, destination, to, digest); err != nil {
		return "", err
	}
	return destination.at(digest), nil
}

// verify reads the copy back.
func (c *Client) verify(ctx context.Context, p place, to, want string) error {
	got, err := remote.Get(p.goal(), c.options(ctx)...)
	switch {
	case err != nil && isMissing(err):
		return fmt.Errorf("the copy %s is not there, though registry %s took it; see its log: %w", to, p.registry(), err)
	case err != nil:
		return p.wrap(ctx, err, "read back the copy %s", to)
	case got.Digest.String() != want:
		return fmt.Errorf("the copy %s is %s where the original is %s; registry %s changes what it is given, or somebody else pushed to that name just now", to, got.Digest, want, p.registry())
	}
	return nil
}
