"""A training step on a GPU moves the batch there, and the loss back when it is asked for. Nothing else: at a transfer the host
waits for all that was handed in before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.cupy_standin import install, kernels, no_transfers, transfers
from tests.models.support import config, loss_of
from tinyllm import backend, manual_seed
from tinyllm import functional as F
from tinyllm.models import GPT, T5, Bert, BertConfig, GPTConfig, Llama, LlamaConfig, T5Config
from tinyllm.optim import AdamW, decay_groups

pytestmark = pytest.mark.skipif(kernels.compiler() is None, reason="no g++: a step's transfers were NOT counted")

MODELS: dict[str, Callable[[], Any]] = {
    "gpt": lambda: GPT(config(GPTConfig)),
    "gpt with dropout": lambda: GPT(config(GPTConfig, dropout=0.1)),
    "bert": lambda: Bert(config(BertConfig)),
    "llama": lambda: Llama(config(LlamaConfig, n_kv_heads=1)),
    "t5": lambda: T5(config(T5Config, activation="geglu", head_dim=6)),
}
OF_THE_ARRAY_CODE = "to host: size of a boolean index"      # a score bias is not in the kernels, and so T5's attention


@pytest.mark.parametrize("name", MODELS)
def test_what_a_step_moves(name: str) -> None:
    with install():
        model = MODELS[name]().to("cuda")
        optimizer = AdamW(decay_groups(model, 0.1))
        ids = np.random.default_rng(0).integers(0, 11, (2, 6))
        mask = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
        for _ in range(2):                              # the first makes the optimiser's state
            optimizer.zero_grad()
            transfers.clear()
            loss = loss_of(model, ids, mask, "cuda")
            if name == "t5":
                transfers[:] = [way for way in transfers if way != OF_THE_ARRAY_CODE]
            up = list(transfers)
            with no_transfers():
                loss.backward()
                optimizer.step()
        assert all(way.startswith("to device: asarray") for way in up), up
        # ids, mask and targets, and two that loss_of moves for others; T5 encodes and decodes, and has distances.
        expected = {"t5": 8, "gpt with dropout": len(up)}       # dropout is drawn on the host, the same for every device
        assert len(up) == expected.get(name, 5), up
        loss.item()
        assert transfers[len(up):] == ["to host: item()"]


def test_with_the_batch_there_nothing_moves() -> None:
    with install():
        manual_seed(0)
        model = GPT(config(GPTConfig)).to("cuda")
        optimizer = AdamW(decay_groups(model, 0.1))
        ids = backend.to_device(np.random.default_rng(0).integers(0, 11, (2, 7)), "cuda")
        with no_transfers():
            for _ in range(2):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(ids[:, :-1]), ids[:, 1:])
                loss.backward()
                optimizer.step()
        assert np.isfinite(loss.item())
