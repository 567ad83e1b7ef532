"""The square around a face as EDTalk's published crops have it, measured on them."""

from __future__ import annotations

from ...faces.calibration import CropCalibration, FaceEllipse, Margin

EDTALK_CROP = CropCalibration(
    # YuNet: medians over all 175 frames of a published 256x256 crop, where the wanted square is
    # the whole picture; size varies by 1.3 % there, the height alone by 1.8 % (the jaw moves). On
    # a second clip (450x450, another person) these put head, hair and chin inside in the same
    # proportions. Haar's boxes mean different things on different people: the first clip asks for
    # a side of 1.26, the second (by YuNet's square) for 1.60. The figures stand between, on the
    # side of showing hair.
    margins={
        "yunet": Margin(side=1.558, right=0.008, down=-0.013, doubt=0.12),
        "haar": Margin(side=1.5, right=0.0, down=0.03, doubt=0.22),
        "none": Margin(side=1.0, right=0.0, down=0.0, doubt=0.12),
    },
    other="yunet",
    # Brows to chin and cheek to cheek; hair, neck and background lie outside and stay the frame's.
    face=FaceEllipse(centre=(0.5, 0.53), radii=(0.33, 0.385)),
)
