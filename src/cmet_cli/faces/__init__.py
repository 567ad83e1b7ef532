"""Finding, following, cutting out and putting back the face."""
