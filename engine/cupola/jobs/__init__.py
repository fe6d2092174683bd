"""Jobs: commands that run in the background, each under a keeper of its own."""
