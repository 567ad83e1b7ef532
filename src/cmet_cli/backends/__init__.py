"""The seam to the networks that see and draw faces, and the networks behind it."""
