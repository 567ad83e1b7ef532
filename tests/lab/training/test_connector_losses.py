"""The three losses against values worked out by hand, and what each must punish."""

import math

import pytest
import torch

from cmet_cli.errors import UsageError
from cmet_cli.lab.training.losses import (
    LossConfig,
    contrastive_loss,
    direction_loss,
    pair_labels,
    reconstruction_loss,
)


def test_l2_sums_lengths_over_the_window_and_averages_over_the_batch():
    predicted = torch.zeros(2, 2, 3)
    target = torch.zeros(2, 2, 3)
    target[0, 0] = torch.tensor([3.0, 4.0, 0.0])  # length 5
    target[0, 1] = torch.tensor([0.0, 0.0, 2.0])  # length 2
    target[1, 1] = torch.tensor([1.0, 2.0, 2.0])  # length 3
    assert reconstruction_loss(predicted, target, "l2").item() == pytest.approx((7 + 3) / 2)


def test_focal_weighs_a_square_by_the_size_of_the_error():
    predicted, target = torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[-1.0, 0.0]]])
    weight = 2 / (1 + math.exp(-0.2 * 3)) - 1
    expected = weight * 9 / 2  # the other number is right
    assert reconstruction_loss(predicted, target, "focal").item() == pytest.approx(expected)
    small, large = (reconstruction_loss(target * 0, target * k, "focal") for k in (1, 2))
    assert large > 7 * small  # a plain square would grow fourfold


def test_gradient_of_l2_is_finite_where_the_prediction_is_perfect():
    predicted = torch.zeros(1, 5, 10, requires_grad=True)
    reconstruction_loss(predicted, torch.zeros(1, 5, 10), "l2").backward()
    assert torch.isfinite(predicted.grad).all()


def test_contrast_of_two_pairs_by_hand():
    visual = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    audio = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    r = math.sqrt(0.5)  # cosines: rows of visual against rows of audio are [1, r], [0, r]
    e = [[math.exp(s / 0.5) for s in row] for row in ([1, r], [0, r])]
    to_audio = -(math.log(e[0][0] / sum(e[0])) + math.log(e[1][1] / sum(e[1]))) / 2
    to_visual = -(math.log(e[0][0] / (e[0][0] + e[1][0])) + math.log(e[1][1] / (e[0][1] + e[1][1])))
    expected = (to_audio + to_visual / 2) / 2
    assert contrastive_loss(visual, audio, 0.5).item() == pytest.approx(expected, rel=1e-5)


def test_contrast_is_low_for_aligned_pairs_only_and_symmetric():
    torch.manual_seed(0)
    tokens = torch.randn(16, 32)
    aligned = contrastive_loss(tokens, tokens + 0.1 * torch.randn(16, 32))
    assert aligned < 0.1
    assert contrastive_loss(tokens, tokens.roll(1, 0)) > 5
    other = torch.randn(16, 32)
    assert torch.allclose(contrastive_loss(tokens, other), contrastive_loss(other, tokens))
    assert torch.allclose(contrastive_loss(tokens, other), contrastive_loss(tokens, 7 * other))


def test_labels_let_equal_pairs_attract():
    torch.manual_seed(0)
    kinds = torch.randn(3, 16)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    visual = kinds[labels] + 0.05 * torch.randn(6, 16)
    audio = (kinds[labels] + 0.05 * torch.randn(6, 16)).roll(3, 0)  # rows of the same kind swapped
    same = contrastive_loss(visual, audio, labels=labels)
    assert same == pytest.approx(math.log(2), abs=0.1)  # two equal positives share the mass
    assert contrastive_loss(visual, audio, labels=labels.sort().values) > 2 + same


def test_without_repeats_labels_and_pairs_are_the_same_loss():
    torch.manual_seed(1)
    a, b = torch.randn(5, 8), torch.randn(5, 8)
    labels = torch.arange(5)
    assert torch.allclose(contrastive_loss(a, b), contrastive_loss(a, b, labels=labels))


@pytest.mark.parametrize("form", ["plain", "squared"])
def test_direction_is_zero_exactly_for_opposites(form):
    torch.manual_seed(2)
    forward = torch.randn(4, 5, 10)
    assert direction_loss(forward, -3 * forward, form).item() == pytest.approx(0, abs=1e-6)
    assert direction_loss(forward, -forward + 0.5 * torch.randn(4, 5, 10), form) > 0.01
    same = direction_loss(forward, forward, form).item()
    assert same == pytest.approx(2 if form == "plain" else 4)


def test_direction_by_hand():
    forward = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    backward = torch.tensor([[[0.0, 1.0], [-1.0, 0.0]]])  # cosines 0 and -1
    assert direction_loss(forward, backward, "plain").item() == pytest.approx(0.5)
    skew = torch.tensor([[[-1.0, 1.0], [-1.0, 0.0]]])
    away = 1 - math.sqrt(0.5)
    assert direction_loss(forward, skew, "squared").item() == pytest.approx(away**2 / 2)


def test_pair_labels_tell_direction():
    emotions = torch.tensor([[0, 1], [1, 0], [0, 1], [2, 1]])
    assert pair_labels(emotions, 3).tolist() == [1, 3, 1, 7]


def test_published_defaults_and_refusals():
    config = LossConfig()
    assert (config.lambda_contrast, config.lambda_direction, config.temperature) == (0.1, 0.05, 0.1)
    for wrong in ({"reconstruction": "l1"}, {"contrast": "x"}, {"temperature": 0.0}):
        with pytest.raises(UsageError):
            LossConfig(**wrong)


def test_in_reduced_precision_the_loss_is_the_same():
    """Products would be rounded to three digits before they are divided by the temperature."""
    visual, audio = torch.randn(2, 16, 8, generator=torch.Generator().manual_seed(0))
    exact = contrastive_loss(visual, audio)
    with torch.autocast("cpu", torch.bfloat16):
        assert contrastive_loss(visual, audio) == exact
