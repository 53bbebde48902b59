package timing

import (
	"context"
	"fmt"
	"time"
)

// Within does something that may take a limited time. Its error says so when it is
// over, and wraps what do answered.
func Within[T any](ctx context.Context, limit time.Duration, do func(context.Context) (T, error)) (T, error) {
	bound, done := context.WithTimeout(ctx, limit)
	defer done()
	answer, err := do(bound)
	if err != nil && ctx.Err() == nil && bound.Err() != nil {
		err = fmt.Errorf("no answer within %s: %w", limit, err)
	}
	return answer, err
}
