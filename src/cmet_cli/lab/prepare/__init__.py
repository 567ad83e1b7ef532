"""Data sets as they are distributed, made ready for training and evaluation."""
