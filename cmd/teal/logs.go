package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/deployer"
	"teal/deployer/printable"
)

// logsLines is how many lines of each container are shown unless told otherwise.
const logsLines = 50

func logsCommand(g *globals) *cobra.Command {
	req := deployer.LogRequest{}
	var target string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "logs SERVICE [ENVIRONMENT]",
		Short: "Show what a service's containers wrote",
		Long: `Logs shows the last lines of the containers of the colour that is live in an
environment (production unless given), or of a target, on all hosts that are
recorded for it. Each line begins with its host and its container. With --shared
it shows those of the environment's shared parts, which belong to no colour.

With --follow it goes on with what they write from then on, until Ctrl-C; after a
flip with the containers that are live then.`,
		Example: "  teal logs web\n  teal logs web integration -f\n  teal logs web --target blue-production --lines 200",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			req.Service, req.Environment = args[0], catalog.DefaultAlias
			if len(args) > 1 {
				req.Environment = args[1]
			}
			if target != "" {
				if req.Target, err = catalog.ParseTarget(target); err != nil {
					return usageError{err}
				}
			}
			if req.Lines < 0 {
				return usageError{fmt.Errorf("--lines %d is less than none", req.Lines)}
			}
			d, err := g.deployer(func(e deployer.Event) {
				fmt.Fprintf(cmd.ErrOrStderr(), "note: %s\n", printable.Text(e.Text))
			})
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			lines := json.NewEncoder(out)
			return d.Logs(cmd.Context(), req, func(l deployer.LogLine) {
				if asJSON {
					_ = lines.Encode(l) // nobody reads any more
					return
				}
				fmt.Fprintln(out, logWords(l))
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&req.Follow, "follow", "f", false, "go on with what they write from now on")
	f.StringVar(&target, "target", "", "whose logs, such as blue-production (default what the environment points at)")
	f.BoolVar(&req.Shared, "shared", false, "the shared parts, such as a database, instead of a colour's")
	f.BoolVar(&asJSON, "json", false, "write one JSON object a line")
	f.IntVarP(&req.Lines, "lines", "n", logsLines, "how many lines of each container that it wrote before")
	cmd.MarkFlagsMutuallyExclusive("target", "shared")
	return cmd
}

// logWords is a line with where it comes from.
func logWords(l deployer.LogLine) string {
	return fmt.Sprintf("%s/%s | %s", shortHost(l.Host), l.Container, l.Text)
}

// shortHost is a host's name without the way to it.
func shortHost(host string) string {
	if _, rest, ok := strings.Cut(host, "://"); ok {
		return rest
	}
	return host
}
