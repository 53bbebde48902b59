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
	stream, terminal, err := e.logs(ctx, id, container.LogsOptions{Tail: strconv.Itoa(max(0, lines))})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	var text bytes.Buffer
	err = plainLogs(&text, io.LimitReader(stream, maxLogs), terminal)
	return text.String(), e.wrap(err, "read the logs of container %s", id)
}

// Follow copies to out what a container writes to either output, after the last
// lines that it has written before, or all of them when lines is negative. It
// ends with the container's run, or with ctx, whose error it answers then.
func (e *Engine) Follow(ctx context.Context, id string, lines int, out io.Writer) error {
	tail := "all"
	if lines >= 0 {
		tail = strconv.Itoa(lines)
	}
	stream, terminal, err := e.logs(ctx, id, container.LogsOptions{Follow: true, Tail: tail})
	if err != nil {
		return err
	}
	defer stream.Close()
	err = plainLogs(out, stream, terminal)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return e.wrap(err, "follow the logs of container %s", id)
}

// logs opens both outputs of a container, and tells whether it has a terminal.
func (e *Engine) logs(ctx context.Context, id string, opts container.LogsOptions) (stream io.ReadCloser, terminal bool, err error) {
	in, err := e.api.ContainerInspect(ctx, id)
	if err == nil {
		opts.ShowStdout, opts.ShowStderr = true, true
		stream, err = e.api.ContainerLogs(ctx, id, opts)
	}
	return stream, in.Config != nil && in.Config.Tty, e.wrap(err, "read the logs of container %s", id)
}

// plainLogs takes off the headers that Docker puts before each piece of output,
// unless the container has a terminal, where there are none.
func plainLogs(out io.Writer, stream io.Reader, terminal bool) (err error) {
	if terminal {
		_, err = io.Copy(out, stream)
	} else {
		_, err = stdcopy.StdCopy(out, out, stream)
	}
	return err
}
