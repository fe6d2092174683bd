"""Several people in one workspace: who is here, what they say of records, who did what, and who may do what."""
