package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer/servicefile"
)

// composeFiles are what Compose calls its file, in the order it looks for them.
var composeFiles = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}

// initFlags are where the draft comes from and goes to.
type initFlags struct {
	file, compose string
	draft         servicefile.DraftOptions
}

func initCommand() *cobra.Command {
	f, asJSON := initFlags{}, false
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a service file to begin with",
		Long: `Init writes a service file for the Compose file at hand, or for --image: what
Teal carries over of it, and a section x-teal with comments. It says what it left
out. A file that is there already is never overwritten: beside a compose.yaml it
writes teal.yaml, otherwise compose.yaml, or whatever --file names. Commands read
compose.yaml; any other file they must be told, as in teal lint teal.yaml and
teal deploy --file teal.yaml.`,
		Example: "  teal init\n  teal init --image registry.example/web:1.4.0 --port 3000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			draft, err := f.read()
			if err != nil {
				return err
			}
			if err := writeDraft(cmd.Context(), f.file, draft.Text); err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return writeJSON(out, drafted{f.file, append([]string{}, draft.LeftOut...)})
			}
			for _, l := range draft.LeftOut {
				fmt.Fprintf(out, "left out: %s\n", l)
			}
			fmt.Fprintf(out, "wrote %s; read it, check it with `%s`, and deploy with `%s`\n", f.file, draft.Lint, draft.Deploy)
			return nil
		},
	}
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "the file to write")
	cmd.Flags().StringVar(&f.compose, "compose", "", "the Compose file to begin with (default the one in this folder)")
	cmd.Flags().StringVar(&f.draft.Image, "image", "", "the image to begin with, instead of a Compose file")
	cmd.Flags().StringVar(&f.draft.Part, "part", "", "what takes the requests (default the first with ports)")
	cmd.Flags().IntVar(&f.draft.Port, "port", 0, "where it listens in its container (default its first port, of an image 8080)")
	cmd.Flags().StringVar(&f.draft.Environment, "environment", catalog.DefaultAlias, "where it is deployed to")
	cmd.Flags().StringVar(&f.draft.Host, "host", "", "the Docker engine there (default unix:///var/run/docker.sock)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write what was done as JSON")
	cmd.MarkFlagsMutuallyExclusive("compose", "image")
	return cmd
}

// drafted is what `teal init` did.
type drafted struct {
	File    string   `json:"file"`
	LeftOut []string `json:"left_out"`
}

// read drafts the file and decides where it goes.
func (f *initFlags) read() (servicefile.Draft, error) {
	if f.draft.Port < 0 || f.draft.Port > 65535 {
		return servicefile.Draft{}, usageError{fmt.Errorf("--port %d is no port; it is from 1 to 65535", f.draft.Port)}
	}
	if f.compose == "" && f.draft.Image == "" {
		f.compose = firstThere(composeFiles)
		if f.compose == "" {
			return servicefile.Draft{}, usageError{errors.New("there is no Compose file in this folder; name one with --compose, or an image with --image")}
		}
	}
	if f.file == "" {
		f.file = serviceFile
		if firstThere(composeFiles) != "" {
			f.file = "teal.yaml"
		}
	}
	if f.file != serviceFile {
		f.draft.File = f.file
	}
	if f.compose != "" {
		var err error
		if f.draft.Compose, err = os.ReadFile(f.compose); err != nil {
			return servicefile.Draft{}, missingAsUsage(err)
		}
	}
	draft, err := servicefile.NewDraft(f.draft)
	if err != nil {
		return draft, usageError{fmt.Errorf("draft a service file%s: %w", from(f.compose), err)}
	}
	return draft, nil
}

func from(compose string) string {
	if compose == "" {
		return ""
	}
	return " from " + compose
}

// firstThere is the first of some files that exists; empty when none does.
func firstThere(files []string) string {
	for _, file := range files {
		if _, err := os.Stat(file); err == nil {
			return file
		}
	}
	return ""
}

// writeDraft writes the file if it is not there and Teal can deploy it.
func writeDraft(ctx context.Context, file string, text []byte) error {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	switch {
	case errors.Is(err, fs.ErrExist):
		return usageError{fmt.Errorf("%s is there already and stays as it is; name another with --file", file)}
	case err != nil:
		return fmt.Errorf("write the service file: %w", err)
	}
	_, err = out.Write(text)
	if err := errors.Join(err, out.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the service file: %w", err), os.Remove(file))
	}
	said, err := servicefile.LintFile(ctx, file, os.Environ())
	if err == nil {
		err = said.Err()
	}
	if err != nil {
		err = fmt.Errorf("nothing was written to %s, as Teal can't deploy what is left of the Compose file; change that first:\n%w", filepath.Base(file), err)
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
