// Command app is the program of the host contract test as an image's entrypoint.
package main

import (
	"os"

	"teal/deployer/hosttest/program"
)

func main() { os.Exit(program.Main(os.Args[1:])) }
