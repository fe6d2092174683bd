"""The agent of a user on a host: turns wishes in workspaces into processes."""
