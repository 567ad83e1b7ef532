"""Speech emotion features: one interface, published and mini encoders behind it."""
