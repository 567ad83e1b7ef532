"""Many edits from one manifest: checked first, resumable, on local workers or a Ray cluster."""
