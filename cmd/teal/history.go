package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teal/deployer"
	"teal/deployer/servicefile"
)

// historyLength is how many deployments are shown unless told otherwise.
const historyLength = 10

func historyCommand(g *globals) *cobra.Command {
	var most int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history SERVICE [ENVIRONMENT]",
		Short: "Show the deployments of a service, the newest first",
		Long: `History shows the recorded deployments of a service to an environment, or to all
of them: what was deployed, by whom, from which commit and when, how long each
state took, how it ended and why. A release that is live, or what a rollback goes
to, is marked. With --json each has its whole record, too.`,
		Example: "  teal history web\n  teal history web production -n 3 --json",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if most < 1 {
				return usageError{fmt.Errorf("-n %d shows nothing; ask for at least one deployment", most)}
			}
			d, err := g.deployer(nil)
			if err != nil {
				return err
			}
			past, err := d.History(cmd.Context(), args[0], strings.Join(args[1:], ""))
			if err != nil {
				return err
			}
			past = past[:min(most, len(past))]
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), past)
			}
			printHistory(cmd.OutOrStdout(), past)
			return nil
		},
	}
	cmd.Flags().IntVarP(&most, "number", "n", historyLength, "how many deployments to show")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

// printHistory says what each deployment was, then what came of it.
func printHistory(out io.Writer, past []deployer.PastDeployment) {
	if len(past) == 0 {
		fmt.Fprintln(out, "no deployments are recorded")
	}
	for _, p := range past {
		fmt.Fprintf(out, "%s  release %s to %s by %s%s%s\n", p.ID, p.Release, p.Target, p.By, commitWords(p), holdsWords(p))
		fmt.Fprintf(out, "  began %s, %s\n", p.Began.Local().Format(time.DateTime), outcomeWords(p))
		if steps := stepWords(p.Steps); steps != "" {
			fmt.Fprintf(out, "  %s\n", steps)
		}
		for _, s := range p.Steps {
			if s.Note != "" {
				fmt.Fprintf(out, "  note: %s\n", s.Note)
			}
		}
		if p.Reason != "" {
			fmt.Fprintf(out, "  %s\n", strings.ReplaceAll(strings.TrimSpace(p.Reason), "\n", "\n  "))
		}
	}
}

func commitWords(p deployer.PastDeployment) string {
	if p.Revision == "" {
		return ""
	}
	return ", commit " + servicefile.ShortRevision(p.Revision)
}

func holdsWords(p deployer.PastDeployment) string {
	if p.Holds == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", p.Holds)
}

func outcomeWords(p deployer.PastDeployment) string {
	took := p.Took.Round(10 * time.Millisecond)
	switch {
	case p.Waits != nil:
		return fmt.Sprintf("%s: %s", p.State, p.Waits)
	case p.Dead:
		return fmt.Sprintf("%s: its deployer is gone, and the next deployment finishes or reverts it", p.State)
	case !p.State.Ended():
		return fmt.Sprintf("%s, under way for %s", p.State, took)
	}
	return fmt.Sprintf("%s after %s", p.State, took)
}

// stepWords are the states that took time, on one line.
func stepWords(steps []deployer.PastStep) string {
	var words []string
	for _, s := range steps {
		if s.Took > 0 {
			words = append(words, fmt.Sprintf("%s %s", s.State, s.Took.Round(time.Millisecond)))
		}
	}
	return strings.Join(words, ", ")
}
