package child

// guardEnv names the variable by which everything that a child starts can be
// recognized, also after it left the child's process group.
const guardEnv = "MCPPROXY_GUARD"
