"""Every kind of attack, in the order of the table; the last takes what time is left."""

from __future__ import annotations

import damaged_files
import full_disk
import hub_attacks
import interruptions
import odd_inputs

_ROOMS = (odd_inputs, full_disk, interruptions, hub_attacks, damaged_files)
ATTACKS = [attack for room in _ROOMS for attack in room.ATTACKS]
