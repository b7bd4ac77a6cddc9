package child

// guardEnv names the variable that marks everything that a child starts, also
// what has left the child's process group.
const guardEnv = "MCPPROXY_GUARD"
