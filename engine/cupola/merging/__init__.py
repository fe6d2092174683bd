"""`cupola merge`: what another copy of this workspace has and this one lacks is taken over, judged by content alone."""
