"""Whether a take came out well, measured before a person looks."""
