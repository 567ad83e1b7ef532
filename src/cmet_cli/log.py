"""What the library notices: silent unless somebody listens to ``cmet_cli`` (or ``--verbose``)."""

from __future__ import annotations

import logging

log = logging.getLogger("cmet_cli")
log.addHandler(logging.NullHandler())
