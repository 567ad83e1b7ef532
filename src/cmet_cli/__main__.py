"""``python -m cmet_cli`` is ``cmet``."""

from .cli.app import main

main()
