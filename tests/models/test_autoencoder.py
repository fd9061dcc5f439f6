"""The autoencoder: all that the decoder knows of a text is the code, and a few texts come back whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from tests.models.support import CONTEXT, LENGTHS, OPTIONS, SEEDS, SIDES, VOCABULARY, config, made, others, padded
from tests.nn.support import check_every_parameter_learns, close, gradcheck_module
from tinyllm import Tensor, manual_seed
from tinyllm import functional as F
from tinyllm.models import Autoencoder, AutoencoderConfig, Bert, SequenceClassifier
from tinyllm.optim import AdamW, decay_groups

PLACED = OPTIONS.map(lambda o: {**o, "positions": o["positions"] if o["positions"] == "learned" else "sinusoidal"})


def autoencoder(seed=0, **options):
    return made(Autoencoder, seed, **{"d_code": 3, **options})


@given(options=PLACED, lengths=LENGTHS, side=SIDES, seed=SEEDS)
@settings(max_examples=25)
def test_padding_changes_no_code_and_no_reconstruction(options, lengths, side, seed):
    model, rng = autoencoder(seed, **options)
    ids, mask = padded(rng, lengths, side)
    code, x_hat = model.encode(ids, mask), model(ids, mask)
    assert code.shape == (len(lengths), 3) and x_hat.shape == (*ids.shape, 8)
    for row, m, z, x in zip(ids, mask, code.data, x_hat.data, strict=True):
        assert close(z, model.encode(row[m][None]).data[0], 1e-11)
        assert close(x[m], model(row[m][None]).data[0], 1e-10)
    other = np.where(mask, ids, others(rng, ids))
    assert close(model.encode(other, mask), code, 1e-12)


@given(options=PLACED, seed=SEEDS)
@settings(max_examples=25)
def test_the_code_is_all_that_the_decoder_knows(options, seed):
    model, rng = autoencoder(seed, **options)
    ids = rng.integers(0, VOCABULARY, (2, 6))
    code = model.encode(ids)
    np.testing.assert_array_equal(model.reconstruct(code, 6).data, model(ids).data)
    same = model.reconstruct(np.stack([code.data[0]] * 2), 6).data
    np.testing.assert_array_equal(same[0], same[1])
    assert not close(same[1], model(ids).data[1], 1e-9)
    assert not close(same[0][1:], same[0][:-1], 1e-9)               # places differ, with one vector for all to start from


def test_every_token_reaches_the_code():
    model, rng = autoencoder()
    ids = rng.integers(0, VOCABULARY, (1, 5))
    for t in range(5):
        other = ids.copy()
        other[0, t] = (ids[0, t] + 1) % VOCABULARY
        assert not close(model.encode(other), model.encode(ids).data, 1e-9)


def test_gradients():
    model, _ = autoencoder(n_layers=1)
    ids, mask = np.array([[1, 2, 1], [4, 5, 6]]), np.array([[0, 1, 1], [1, 1, 1]])
    model.target.weight.requires_grad = True                        # it stands in the check, and gets zeros
    assert gradcheck_module(model, call=lambda: model(ids, mask))


@pytest.mark.parametrize("norm_first", [True, False])
def test_everything_but_the_targets_learns(norm_first):
    model, rng = autoencoder(bias=False, norm_first=norm_first)
    ids = np.concatenate([rng.permutation(VOCABULARY), [0]])[None]
    frozen = model.target
    assert not frozen.weight.requires_grad
    before = frozen.weight.data.copy()
    y = model(ids)
    y.backward(rng.standard_normal(y.shape))
    assert frozen.weight.grad is None
    for step in (AdamW(decay_groups(model, 0.1), lr=0.1), AdamW(model.parameters(), lr=0.1)):
        step.step()
    np.testing.assert_array_equal(frozen.weight.data, before)
    model.target = None
    check_every_parameter_learns(model, lambda: model(ids), rng)


def test_the_target_of_a_token_is_its_row_and_its_row_is_nearest_to_it():
    model = Autoencoder(AutoencoderConfig(300, d_model=32))
    ids = np.random.default_rng(0).integers(0, 300, (2, 20))
    x = model.targets(ids)
    np.testing.assert_array_equal(x, model.target.weight.data[ids])
    assert abs(model.target.weight.data.std() - 1) < 0.05
    np.testing.assert_array_equal(model.nearest(x), ids)
    np.testing.assert_array_equal(model.nearest(x + 0.1 * np.random.default_rng(1).standard_normal(x.shape)), ids)
    table = model.target.weight.data
    table *= np.linspace(0.05, 2, 300)[:, None]                     # long and short ones: the longest are no nearer for that
    for x_hat in (0.5 * x, x, Tensor(2 * x)):
        brute = np.argmin(((np.array(x_hat.data)[:, :, None] - table) ** 2).sum(axis=-1), axis=-1)
        np.testing.assert_array_equal(model.nearest(x_hat), brute)


@pytest.mark.parametrize("hide", [0.0, 0.3])
def test_a_few_texts_come_back(hide):
    """Plain, and with tokens hidden at random from what goes in: the rest of each text says what they were."""
    rng = np.random.default_rng(1)
    manual_seed(1)
    model = Autoencoder(AutoencoderConfig(30, context=10, n_layers=1, n_heads=2, d_model=32, d_code=16))
    lengths = np.array([10, 8, 10, 7, 9, 10])
    ids, mask = rng.integers(1, 30, (6, 10)), np.arange(10)[None] < lengths[:, None]
    step = AdamW(model.parameters(), lr=5e-3)

    def loss(shown):
        real = F.embedding(np.flatnonzero(mask), np.reshape(model(shown, mask), (-1, 32)))          # (N, C)
        return F.mse_loss(real, model.targets(ids)[mask])

    first = loss(ids).item()
    for _ in range(300):
        step.zero_grad()
        loss(np.where(rng.random(ids.shape) < hide, 0, ids)).backward()
        step.step()
    model.eval()
    shown = np.where(np.arange(10) == 4, 0, ids) if hide else ids
    assert loss(shown).item() < 0.1 * first
    np.testing.assert_array_equal(model.nearest(model(shown, mask))[mask], ids[mask])


def test_what_the_encoder_learned_goes_into_a_classifier():
    model, rng = autoencoder()
    assert isinstance(model.encoder, Bert) and model.encoder.head is None
    ids = rng.integers(0, VOCABULARY, (2, CONTEXT))
    classifier = SequenceClassifier(model.encoder, 3)
    assert classifier.to(dtype=np.float64)(ids).shape == (2, 3) and classifier.trunk is model.encoder


def test_depths():
    for given_, expected in ((None, 2), (1, 1)):
        model = Autoencoder(config(AutoencoderConfig, n_decoder_layers=given_))
        assert (len(model.encoder.layers), len(model.decoder.layers)) == (2, expected)


@pytest.mark.parametrize("positions", ["rotary", "relative", "alibi"])
def test_distances_alone_tell_no_place(positions):
    with pytest.raises(ValueError, match=f"among which {positions} positions alone make no difference"):
        AutoencoderConfig(11, positions=positions)
