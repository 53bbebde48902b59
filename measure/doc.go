// Package measure tells how well a service is delivered: how often it is deployed,
// how long a commit takes to its users, how often a deployment goes wrong and how
// long it then takes until it is right again. docs/MEASURES.md defines each.
//
// It is pure: everything follows from the records of deployments, the last flip
// and the time that it is given.
package measure
