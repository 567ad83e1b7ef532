"""What ``faces/`` does frame by frame with NumPy and OpenCV: many frames at once, on a GPU."""
