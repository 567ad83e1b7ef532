"""The networks as plain ``nn.Module``s: no files, no device choice, no video."""
