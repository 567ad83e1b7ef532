"""Seeds of people and voices, kept apart: to learn from, to calibrate on, to be judged on."""

TRAINING_SEEDS = range(0, 90_000)
CALIBRATION_SEEDS = range(90_000, 100_000)
EVALUATION_SEEDS = range(100_000, 110_000)
