// Package formats compares what Careen's documentation shows with the formats'
// own readers: compose-go, the types of Kubernetes' API, actionlint. Its go.mod
// keeps them out of Careen's.
package formats
