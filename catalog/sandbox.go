package catalog

// Sandbox is what a container may take of its host and do there, and what it finds
// around it, where that is not its runtime's default. The zero value is all
// defaults.
type Sandbox struct {
	Memory   int64    `json:",omitzero"` // bytes
	NanoCPUs int64    `json:",omitzero"` // billionths of a processor
	PIDs     int64    `json:",omitzero"` // processes and threads; -1 for no limit
	ShmSize  int64    `json:",omitzero"` // of /dev/shm, in bytes
	Ulimits  []Ulimit `json:",omitempty"`

	CapAdd      []string `json:",omitempty"`
	CapDrop     []string `json:",omitempty"`
	SecurityOpt []string `json:",omitempty"` // as Docker's: no-new-privileges=true
	ReadOnly    bool     `json:",omitzero"`  // its root file system

	Tmpfs      map[string]string `json:",omitempty"` // mount options by path
	Sysctls    map[string]string `json:",omitempty"`
	ExtraHosts []string          `json:",omitempty"` // name:address
	Hostname   string            `json:",omitzero"`  // its own name for itself
	Init       bool              `json:",omitzero"`  // runs it below an init process
	StopSignal string            `json:",omitzero"`  // that asks it to end; empty for what its image says
	LogDriver  string            `json:",omitzero"`
	LogOptions map[string]string `json:",omitempty"`
}

// Ulimit is a limit on each process of a container, such as nofile; -1 for none.
type Ulimit struct {
	Name       string
	Soft, Hard int64
}
