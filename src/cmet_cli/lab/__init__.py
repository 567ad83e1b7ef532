"""What makes and measures models. The tool never imports it; only its own commands do."""
