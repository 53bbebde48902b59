// Package consul is Teal's only door to Consul: it turns the catalogue and the
// key-value store into catalog values, and catalog values into writes.
//
// It satisfies the small interfaces that the router, the registrator and the
// deployer declare. It decides nothing: what a key means is catalog's business,
// what to do about it is theirs.
//
// Where the agent is and how to speak to it follows the SDK's environment:
// CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_SSL,
// CONSUL_CACERT, CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY and CONSUL_NAMESPACE. A
// token file is read again when it changes.
package consul
