// Package auth knows how to be allowed: discovery, client registration, the
// login flows, the vault in which credentials live, and their refresh.
package auth
