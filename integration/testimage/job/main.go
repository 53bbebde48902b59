// Command job takes its time: as long as its argument says, such as 2s. Without
// one it waits until it is told to end.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 {
		least, err := time.ParseDuration(os.Args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, least)
		defer done()
	}
	<-ctx.Done()
	fmt.Println("done")
}
