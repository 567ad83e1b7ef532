"""What emotion is asked for: prompts in, a change of expression codes out."""
