package docker

import (
	"context"

	"teal/catalog"
)

// Info is what the engine tells of itself and of the machine it runs on.
func (e *Engine) Info(ctx context.Context) (catalog.Machine, error) {
	info, err := e.api.Info(ctx)
	if err != nil {
		return catalog.Machine{}, e.wrap(err, "ask the engine about its machine")
	}
	return catalog.Machine{Engine: info.ID, Cores: info.NCPU, Memory: info.MemTotal, Docker: info.ServerVersion, Root: info.DockerRootDir}, nil
}
