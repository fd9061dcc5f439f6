"""Splitting a batch over workers and over batches gives the whole batch's gradient."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.support import KINDS, config_of, model_of, objective_of, sources_of
from tinyllm.data import split_batch
from tinyllm.optim import SGD
from tinyllm.training import Threads, train
from tinyllm.training.gradients import part_gradient
from tinyllm.training.shards import Shards


def learned(model) -> list:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def gradients_of(kind: str, n_workers: int, batches: list, dropout: float = 0.0, step: int = 1):
    model, objective = model_of(kind, dropout), objective_of(kind)
    model.train()
    workers = Threads(n_workers)
    shards = Shards(learned(model), SGD(model.parameters()), workers)

    def part(i: int):
        gradient = shards.gradient(i)
        return part_gradient(model, objective, batches, i, n_workers, 0, step, gradient), gradient.taken

    with workers:
        losses, taken = zip(*workers.of_all(part), strict=True)
        workers.of_all(lambda i: shards.sum(i, np.any(taken, axis=0)))
    return sum(losses), [parameter.grad for parameter in learned(model)], model


def error(got: list, expected: list) -> float:
    """‖got − expected‖ / ‖expected‖, all gradients as one vector; None where both have none."""
    assert [g is None for g in got] == [e is None for e in expected]
    got, expected = ([g for g in gradients if g is not None] for gradients in (got, expected))
    difference = np.concatenate([(g - e).ravel() for g, e in zip(got, expected, strict=True)])
    return float(np.linalg.norm(difference) / np.linalg.norm(np.concatenate([e.ravel() for e in expected])))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_workers", [1, 2, 3, 8])
def test_workers_give_the_gradient_of_backward(kind, n_workers):
    """Rows count differently many targets in masked batches, and 5 rows split unevenly: weights matter."""
    batch = sources_of(kind)[0].batch(0)
    loss, gradients, _ = gradients_of(kind, n_workers, [batch])
    model, objective = model_of(kind, 0.0), objective_of(kind)
    whole = np.sum(objective.loss(model, batch))
    whole.backward()
    assert loss == pytest.approx(whole.item(), rel=1e-5)
    assert error(gradients, [p.grad for p in learned(model)]) < 1e-5
    assert all(g.dtype == np.float32 for g in gradients if g is not None)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "contrastive"])
def test_accumulated_batches_give_the_gradient_of_all_their_targets(kind):
    source, _ = sources_of(kind, batch=6)
    small = [source.batch(0), {key: array[:2] for key, array in source.batch(1).items()}]
    if kind == "classification":            # padded to one length, to put them into one batch
        length = max(batch["ids"].shape[1] for batch in small)
        for batch in small:
            missing = ((0, 0), (0, length - batch["ids"].shape[1]))
            batch.update({key: np.pad(batch[key], missing) for key in ("ids", "attention_mask")})
    large = {key: np.concatenate([batch[key] for batch in small]) for key in small[0]}
    loss, accumulated, _ = gradients_of(kind, 2, small)
    expected_loss, expected, _ = gradients_of(kind, 1, [large])
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert error(accumulated, expected) < 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_number_of_workers_gives_the_same_bits(kind):
    batch = sources_of(kind)[0].batch(0)
    runs = [gradients_of(kind, 3, [batch, batch], dropout=0.3) for _ in range(3)]
    for loss, gradients, _ in runs[1:]:
        assert loss == runs[0][0]
        assert all(a is b is None or np.array_equal(a, b) for a, b in zip(gradients, runs[0][1], strict=True))


def test_dropout_differs_from_step_to_step_and_part_to_part():
    row = {key: array[:1] for key, array in sources_of("causal")[0].batch(0).items()}
    twice = {key: np.concatenate([array, array]) for key, array in row.items()}
    losses = [gradients_of("causal", 1, [row], dropout=0.5, step=step)[0] for step in range(4)]
    assert len(set(losses)) == 4
    first, second = (gradients_of("causal", 1, [row], dropout=0.5, step=0)[0], gradients_of("causal", 2, [twice], 0.5, 0)[0])
    assert first != second                  # were both parts dropped alike, their mean would be the first's loss


def test_a_batch_without_a_target_is_an_error():
    batch = sources_of("causal")[0].batch(0)
    batch = {**batch, "targets": np.full_like(batch["targets"], -100)}
    with pytest.raises(ValueError, match="no target in the batch counts"):
        gradients_of("causal", 2, [batch])


def test_a_batch_that_is_whole_is_not_split():
    """Half the batch has half the negatives: its loss is another one. Batches added up are each a loss of their own."""
    source, objective = sources_of("contrastive")[0], objective_of("contrastive")
    one, other = source.batch(0), source.batch(1)
    losses = []
    for batch in (one, other, *split_batch(one, 2)):
        losses.append(objective.loss(model_of("contrastive", 0.0), batch).item())
    assert gradients_of("contrastive", 4, [one])[0] == pytest.approx(losses[0], rel=1e-6)
    assert gradients_of("contrastive", 4, [one, other])[0] == pytest.approx((losses[0] + losses[1]) / 2, rel=1e-6)
    assert abs(losses[0] - (3 * losses[2] + 2 * losses[3]) / 5) > 0.1


def test_each_term_of_an_objective_has_its_own_count():
    """One part hides nothing: it weighs nothing in the mean over hidden tokens, and its share in the mean over pairs."""
    objective, batch = objective_of("masked-next"), dict(sources_of("masked-next")[0].batch(0))
    batch["targets"] = np.where(np.arange(5)[:, None] < 3, batch["targets"], -100)
    model = model_of("masked-next", 0.0)
    first, second = split_batch(batch, 2)
    words, pairs = objective.loss(model, first).numpy()
    nothing, others = objective.loss(model, second).numpy()
    assert nothing == 0 and objective.count(second).tolist() == [0, 2]
    loss, _, _ = gradients_of("masked-next", 2, [batch])
    assert loss == pytest.approx(words + (3 * pairs + 2 * others) / 5, rel=1e-6)


def test_a_part_without_a_target_counts_nothing():
    batch = sources_of("causal")[0].batch(0)
    targets = batch["targets"].copy()
    targets[3:] = -100                      # the second worker's rows
    halved = {"ids": batch["ids"][:3], "targets": batch["targets"][:3]}
    loss, gradients, _ = gradients_of("causal", 2, [{**batch, "targets": targets}])
    expected_loss, expected, _ = gradients_of("causal", 1, [halved])
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    assert error(gradients, expected) < 1e-6


def test_a_parameter_that_plays_no_part_has_no_gradient_and_does_not_decay():
    """A classifier asks its trunk for vectors, never for tokens: the trunk's own head stays as it was pretrained."""
    model = model_of("classification")
    before = model.state_dict()
    source, held_out = sources_of("classification")
    train(model, objective_of("classification"), source, held_out, config_of(weight_decay=1.0), progress=False)
    still = {name for name, array in model.state_dict().items() if np.array_equal(array, before[name])}
    assert still == {name for name in before if name.startswith("trunk.head.")}


def test_two_workers_learn_what_one_learns():
    """To rounding: a few steps, before small differences have grown."""
    weights = []
    for n_workers in (1, 2):
        model = model_of("masked", dropout=0.0)
        source, held_out = sources_of("masked")
        train(model, objective_of("masked"), source, held_out, config_of(steps=5, workers=n_workers), progress=False)
        weights.append(list(model.state_dict().values()))
    assert error(*weights) < 1e-4
