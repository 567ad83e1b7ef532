"""Saying, so that it can be checked, that a face was edited."""
