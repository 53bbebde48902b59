// Package process is a laptop's stand-in for Docker: local processes instead of
// containers, images that are command lines, ports on the loopback interface.
//
// It behaves as a Docker engine does where Teal looks: names are unique, stopped
// processes stay until they are removed, ports change at each start, restart
// policies hold. It isolates nothing: users and volumes are ignored, and a
// private network is only a name. Nothing outlives the platform: when its Run
// ends, or the program dies, so do the processes.
package process
