"""Video and sound in and out, through ffmpeg."""
