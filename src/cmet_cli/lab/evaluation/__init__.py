"""Measuring the mini model in the avatar world, on people and voices that no training has met."""
