"""What screens are made of: each draws, and says what happened; none knows a workspace."""
