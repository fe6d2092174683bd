"""MLflow's tracking and registry over a workspace: what its clients log are ordinary runs, and back."""
