package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"teal/catalog"
	"teal/registrator"
)

func problemsCommand() *cobra.Command {
	var address string
	asJSON := false
	cmd := &cobra.Command{
		Use:   "problems",
		Short: "Show which containers of a host are not registered as they ask, and why",
		Long: `Problems asks a running registrator which containers are not registered as
they ask and prints one sentence a line, or "no problems". It ends with 0 either
way, and with 1 when the registrator can't tell.`,
		Example: "  teal registrator problems\n  teal registrator problems --address 10.0.0.5:8082",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			problems, err := registrator.AskProblems(cmd.Context(), address)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), append([]catalog.Problem{}, problems...))
			}
			for _, p := range problems {
				fmt.Fprintln(cmd.OutOrStdout(), p)
			}
			if len(problems) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "no problems")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&address, "address", registratorAddress, "where the registrator listens")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write them as JSON")
	return cmd
}
