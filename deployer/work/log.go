package work

// ContainerLog is the last thing a container said.
type ContainerLog struct {
	Host      string // what people call it
	Container string
	State     string // "running", "exited with 1"
	Lines     string
}
