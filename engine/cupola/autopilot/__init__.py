"""Autopilot: from a dataset and a target to a leaderboard, an ensemble and a report, within a budget of seconds."""
