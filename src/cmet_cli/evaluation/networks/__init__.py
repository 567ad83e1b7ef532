"""Published networks that judge edits, each used where its weights are."""
