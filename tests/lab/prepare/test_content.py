"""Which recordings say the same: told by the sound, whatever the emotion; in doubt, not told."""

import numpy as np
import pytest
from drawn_sets import MEAD_FPS, drawn

from cmet_cli.lab.prepare.content import FARTHEST, distance, fingerprint, same_sentences
from cmet_cli.media.audio import decode_audio


def said(emotion, level, texts):
    return [fingerprint(drawn(5, emotion, level, text, MEAD_FPS).wave) for text in texts]


@pytest.mark.parametrize(("emotion", "level"), [("angry", 3), ("happy", 1), ("fear", 3)])
def test_sentences_are_found_whatever_their_order(emotion, level):
    neutral = said("neutral", 1, range(6))
    acted = said(emotion, level, (4, 2, 99, 0))  # 99 is nobody's
    pairs = same_sentences(neutral, acted)
    assert set(pairs) <= {(4, 0), (2, 1), (0, 3)}
    assert len(pairs) >= 2


def test_nothing_is_told_of_sentences_that_are_not_there():
    assert same_sentences(said("neutral", 1, range(6)), said("angry", 3, range(50, 56))) == []
    assert same_sentences([], said("angry", 3, (1,))) == []


def test_a_sentence_said_twice_is_in_doubt():
    neutral = said("neutral", 1, (1, 2))
    assert same_sentences(neutral, [*said("happy", 1, (1,)), *said("happy", 1, (1,))]) == []


def test_loudness_and_quiet_ends_do_not_count():
    wave = drawn(5, "neutral", 1, 1, MEAD_FPS).wave
    longer = np.concatenate([np.zeros(8000, np.float32), 0.5 * wave, np.zeros(4000, np.float32)])
    assert distance(fingerprint(wave), fingerprint(longer)) < 0.5
    assert fingerprint(np.zeros(300, np.float32)).shape[1] == 13


def test_mead_s_own_recordings(shared_media):
    """M003 says common sentence 001 neutrally and with contempt; all others are other sentences."""
    speech = shared_media / "speech"
    neutral = sorted(speech.glob("neutral_M003_*.wav"))
    acted = sorted(speech.glob("*_M003_level_3_*.wav"))
    assert len(neutral) * len(acted) > 100
    prints = [[fingerprint(decode_audio(p)) for p in paths] for paths in (neutral, acted)]
    pairs = [(neutral[i].stem, acted[k].stem) for i, k in same_sentences(*prints)]
    assert pairs == [("neutral_M003_001", "contempt_M003_level_3_001")]
    assert all(distance(prints[0][1], other) > FARTHEST for other in prints[1])
