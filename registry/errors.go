package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"teal/catalog"
)

// silence is why the context of a question ends whose answer did not come.
func (p place) silence(after time.Duration) error {
	return fmt.Errorf("registry %s %w within %s; see whether it is up and reachable from here", p.registry(), errSilent, after)
}

var errSilent = errors.New("did not answer")

// wrapPush is wrap for what goes wrong on the way from one place to another:
// whoever answered is to blame, and what is missing is not the image.
func (p place) wrapPush(ctx context.Context, err error, from place, format string, args ...any) error {
	answer, ok := errors.AsType[*transport.Error](err)
	if ok && answer.Request != nil && answer.Request.URL.Host == from.repo.RegistryStr() && from.repo.RegistryStr() != p.repo.RegistryStr() {
		p = from
	}
	if !isMissing(err) {
		return p.wrap(ctx, err, format, args...)
	}
	return fmt.Errorf("%s: registry %s lacks something; see that it has the repository %s and all layers of the image (%w)",
		fmt.Sprintf(format, args...), p.registry(), reference.Path(p.named), err)
}

// wrap says what was being done when err happened, at which registry, and what
// to do.
func (p place) wrap(ctx context.Context, err error, format string, args ...any) error {
	doing := fmt.Sprintf(format, args...)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	case isMissing(err):
		return fmt.Errorf("%s: registry %s: %w; push it there first (%w)", doing, p.registry(), catalog.ErrNoImage, err)
	case isRefused(err):
		return fmt.Errorf("%s: registry %s does not let this user in, or has no such repository; run docker login %s, and see who may read and write there (%w)", doing, p.registry(), p.registry(), err)
	case isAnswer(err):
		return fmt.Errorf("%s: registry %s can't do it; see its log: %w", doing, p.registry(), err)
	case isPlain(err):
		return fmt.Errorf("%s: registry %s speaks plain HTTP, which is only trusted at loopback and private addresses; give it a certificate, or name it by its address (%w)", doing, p.registry(), err)
	}
	return fmt.Errorf("%s: registry %s can't be reached; see that its name is right and that it is up (%w)", doing, p.registry(), err)
}
