package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// progressLine is one line of what an engine tells while it pulls or pushes.
type progressLine struct {
	ID       string `json:"id"` // of a layer
	Status   string `json:"status"`
	Progress struct {
		Total int64 `json:"total"`
	} `json:"progressDetail"`
	Error string `json:"error"`
	Aux   struct {
		Digest string `json:"Digest"`
	} `json:"aux"`
}

// readProgress reads what an engine tells to its end, which is when it is done,
// and copies to out what is not merely the moving of a bar. It answers the digest
// that it was told of, if any, or the failure.
func readProgress(progress io.Reader, out io.Writer) (digest string, err error) {
	decoder := json.NewDecoder(progress)
	for {
		var line progressLine
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return digest, nil
		case err != nil:
			return digest, fmt.Errorf("read the progress: %w", err)
		case line.Error != "":
			return digest, errors.New(line.Error)
		}
		if line.Aux.Digest != "" {
			digest = line.Aux.Digest
		}
		if err := line.show(out); err != nil {
			return digest, err
		}
	}
}

func (l progressLine) show(out io.Writer) error {
	if l.Status == "" || l.Progress.Total > 0 {
		return nil
	}
	text := l.Status
	if l.ID != "" {
		text = l.ID + ": " + text
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
