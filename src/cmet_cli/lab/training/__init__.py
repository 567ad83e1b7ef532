"""Training: a generic loop, the mini model's own networks, and the connector."""
