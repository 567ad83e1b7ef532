"""The passes over a video: find faces, encode, change the codes, render; and the preview."""
