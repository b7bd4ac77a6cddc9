// Package upstream knows how to reach who does the work: child processes and
// HTTP services, their connection state, and the one verb through which
// everybody else reaches them, [Upstream.With].
package upstream
