package process

import (
	"context"
	"runtime"

	"teal/catalog"
)

// Info is what is known of this machine. There is no engine, and no place where it
// would keep its data.
func (p *Platform) Info(ctx context.Context) (catalog.Machine, error) {
	return catalog.Machine{Cores: runtime.NumCPU(), Memory: memory()}, ctx.Err()
}
