"""A fleet that nobody needs to own: what happens to simulated servers follows from a seed. docs/servers.md."""
