"""Fine detail of moved skin, as a camera would have seen it.

Grain and pores are as fine as the camera resolves, wherever skin goes. Moved pixels take theirs
along: drawn out over more skin it looks soft, pressed together it looks etched and shimmers from
frame to frame.
"""

from __future__ import annotations

import cv2
import numpy as np

from .fields import area, over_channels

#: How much detail returns to where skin is drawn out, and is taken from where it is pressed
#: together, as powers of the area. Not all of it: what is made up for trembles as grain does, and
#: where each pixel has a grain of its own, pressing them together makes that no sharper.
RETURNS, TAKEN = 0.3, 0.4
#: Areas beyond which no more is done.
LEAST_AREA, MOST_AREA = 0.4, 3.0
#: Shares of detail too small to be worth it.
LEAST_CHANGE = 0.02
#: What of a plane is not detail, along one axis.
COARSE = np.array([0.25, 0.5, 0.25], np.float32)


def detail_change(flow: np.ndarray) -> np.ndarray | None:
    """How much more of the moved pixels' fine detail is to be shown: float32 ``[S, S]``, below 0
    where less; 0 where nothing moves. None where it would not be seen. flow: where each pixel comes
    from, relative, ``[S, S, 2]``, in pixels."""
    here = np.clip(area(flow), LEAST_AREA, MOST_AREA)
    share = here ** np.where(here < 1, -RETURNS, -TAKEN).astype(np.float32) - 1
    share *= over_channels(np.logical_or, flow)
    return share if max(share.max(), -share.min()) > LEAST_CHANGE else None


def with_detail(plane: np.ndarray, more: np.ndarray) -> np.ndarray:
    """A plane with its finest detail shown by so much more, both float32 ``[h, w]``."""
    coarse = cv2.sepFilter2D(plane, cv2.CV_32F, COARSE, COARSE, borderType=cv2.BORDER_REPLICATE)
    detail = np.subtract(plane, coarse, out=coarse)
    detail *= more
    detail += plane
    return detail
