"""What our speed is compared with computes the same."""

from __future__ import annotations

import torch
from tiny import TINY

from cmet_cli.backends.edtalk.layers import fold_weights
from cmet_cli.backends.edtalk.networks import EDTalk
from cmet_cli.backends.edtalk.published_order import PublishedOrder


def test_the_published_order_gives_the_same_picture():
    torch.manual_seed(2)
    model = fold_weights(EDTalk(TINY["edtalk"]))
    side = model.config.image_size_px
    source, driving = (torch.rand(1, 3, side, side) * 2 - 1 for _ in range(2))
    with torch.inference_mode():
        codes = model.latent_to_codes(model.encode(driving)[0])
        expected = model.render(model.prepare_source(source), codes)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert torch.allclose(PublishedOrder(model).frame(source, driving), expected, atol=1e-4)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    with torch.inference_mode():  # the model itself goes on as it was
        assert torch.equal(model.render(model.prepare_source(source), codes), expected)
