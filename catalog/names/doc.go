// Package names guesses which known name is meant by one that is not known.
package names
