package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teal/router"
)

// routerAdmin is where a router's admin API is asked unless told otherwise.
const routerAdmin = "http://127.0.0.1:8081"

func explainCommand() *cobra.Command {
	var admin string
	var asJSON bool
	q := router.Question{}
	cmd := &cobra.Command{
		Use:   "explain URL | SERVICE [ALIAS or TARGET [INSTANCE]]",
		Short: "Say where a router sends a request, and why",
		Long: `Explain asks a router where it would send a request for a URL, and why: the rule,
the alias, the split and the previews, and how each instance is. It sends nothing
there. With the name of a service it says how that is, or one alias or target of
it, or one instance.`,
		Example: `  teal explain http://web.proxy.example/cart
  teal explain shop.example.com/cart --header 'X-Beta: 1' --from 10.0.0.7
  teal explain tcp://router:5432
  teal explain web green-production`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := readQuestion(&q, args); err != nil {
				return usageError{err}
			}
			said, err := router.Explain(cmd.Context(), admin, q)
			if errors.Is(err, router.ErrNoAdminAPI) {
				return fmt.Errorf("%w; name the --admin address of a running router with --router", err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				_, err = cmd.OutOrStdout().Write(said.JSON)
				return err
			}
			for _, line := range said.Words {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVarP(&q.Headers, "header", "H", nil, "of the request, such as 'X-Beta: 1'; may be given again")
	cmd.Flags().StringVar(&q.From, "from", "", "address the request comes from (default that of this command)")
	cmd.Flags().StringVar(&admin, "router", routerAdmin, "admin address of the router to ask")
	cmd.Flags().BoolVar(&asJSON, "json", false, "write it as JSON")
	return cmd
}

// readQuestion tells URLs from services, whose names have neither dots, slashes
// nor colons.
func readQuestion(q *router.Question, args []string) error {
	if strings.ContainsAny(args[0], "./:") {
		if len(args) > 1 {
			return fmt.Errorf("%s is a URL, which is explained by itself; name a service to ask for %s", args[0], args[1])
		}
		q.URL = args[0]
		return q.Check()
	}
	if len(q.Headers) > 0 || q.From != "" {
		return fmt.Errorf("--header and --from belong to a request; name a URL rather than the service %s", args[0])
	}
	q.Service = args[0]
	if len(args) > 1 {
		q.Name = args[1]
	}
	if len(args) > 2 {
		q.Instance = args[2]
	}
	return nil
}
