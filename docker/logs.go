package docker

import (
	"bytes"
	"context"
	"io"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
)

// maxLogs bounds what Logs reads, whatever the length of the lines.
const maxLogs = 4 << 20

// Logs are the last lines a container has written, to standard output and
// standard error as they came.
func (e *Engine) Logs(ctx context.Context, id string, lines int) (string, error) {
	in, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return "", e.wrap(err, "read the logs of container %s", id)
	}
	stream, err := e.api.ContainerLogs(ctx, id, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(max(0, lines)),
	})
	if err != nil {
		return "", e.wrap(err, "read the logs of container %s", id)
	}
	defer stream.Close()
	text, err := plainLogs(io.LimitReader(stream, maxLogs), in.Config != nil && in.Config.Tty)
	return text, e.wrap(err, "read the logs of container %s", id)
}

// plainLogs takes off the headers that Docker puts before each piece of output,
// unless the container has a terminal, where there are none.
func plainLogs(stream io.Reader, terminal bool) (string, error) {
	var text bytes.Buffer
	var err error
	if terminal {
		_, err = io.Copy(&text, stream)
	} else {
		_, err = stdcopy.StdCopy(&text, &text, stream)
	}
	return text.String(), err
}
