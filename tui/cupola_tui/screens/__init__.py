"""One file a pane: its columns, its details, what belongs there."""
