"""Llama from a GGUF file: the same logits as the model that was written; nothing that does not fit gets in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gguf.support import ARRAY, BOOL, F32, I32, STRING, U32, floats, gguf
from tests.models.llama_file import interleaved, metadata, tensors
from tests.models.support import CONTEXT, SEEDS, VOCABULARY, config
from tests.nn.support import shaken
from tinyllm.models import Llama, LlamaConfig
from tinyllm.models.gguf import halves_from_neighbours


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("gguf") / "llama.gguf"


def llama(seed=0, **options):
    values = {"n_heads": 4, "d_model": 16, "norm_eps": 1e-5, "bias": False, **options}
    rng = np.random.default_rng(seed)
    return shaken(Llama(config(LlamaConfig, **values)), rng).eval(), rng


@given(
    SEEDS, st.sampled_from([1, 2, 4, None]), st.sampled_from([None, 2, 6]), st.booleans(), st.sampled_from([1e4, 1e5]),
    st.sampled_from([1e-5, 1e-3]),
)
def test_logits_are_those_of_the_model_that_was_written(path, seed, n_kv_heads, head_dim, tied, base, eps):
    model, rng = llama(
        seed, n_kv_heads=n_kv_heads, head_dim=head_dim, tie_embeddings=tied, rope_base=base, norm_eps=float(np.float32(eps))
    )
    path.write_bytes(gguf(metadata(model), tensors(model)))
    loaded = Llama.from_gguf(path)
    assert not loaded.training and loaded.config.rope_base == base
    ids = rng.integers(0, VOCABULARY, (2, CONTEXT))
    np.testing.assert_array_equal(loaded(ids).data, model(ids).data)


def test_what_a_file_may_leave_out(path):
    model, _ = llama()
    about = metadata(model)
    for key in ("llama.attention.head_count_kv", "llama.attention.key_length", "llama.rope.freq_base",
                "llama.rope.dimension_count"):
        del about[key]
    path.write_bytes(gguf(about, tensors(model)))
    assert Llama.from_gguf(path).config.rope_base == 10000


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3))
def test_rows_go_back_where_they_were(n_heads, pairs, width):
    weight = np.arange(n_heads * pairs * 2 * width, dtype=np.float32).reshape(-1, width)
    np.testing.assert_array_equal(halves_from_neighbours(interleaved(weight, n_heads), n_heads), weight)
    assert pairs == 1 or not np.array_equal(interleaved(weight, n_heads), weight)


SCALING, EXPERTS = "llama.rope.scaling.type", "llama.expert_count"
REFUSED = {
    "another architecture": ({"general.architecture": (STRING, "bert")}, {}, "of the architecture 'bert'"),
    "no architecture": ({"general.architecture": None}, {}, "of the architecture None"),
    "no layers": ({"llama.block_count": None}, {}, "does not say n_layers"),
    "many layers": ({"llama.block_count": (U32, 2**31)}, {}, "2147483648 layers, 20 tensors"),
    "a layer more": ({"llama.block_count": (U32, 3)}, {}, "blk.2.attn_norm.weight is missing"),
    "a layer less": ({"llama.block_count": (U32, 1)}, {}, r"blk.1.*is unexpected"),
    "sizes of text": ({"llama.embedding_length": (STRING, "16")}, {}, "d_model is '16'"),
    "sizes that do not split": ({"llama.attention.head_count": (U32, 3)}, {}, "3 heads"),
    "a size an array": ({"llama.attention.head_count_kv": (ARRAY, (I32, [4, 4]))}, {}, "n_kv_heads is"),
    "another width": ({"llama.embedding_length": (U32, 20)}, {}, "has shape .*, the metadata says"),
    "a huge width": ({"llama.feed_forward_length": (U32, 4000000)}, {}, "has shape|more memory"),
    "part of a head turned": ({"llama.rope.dimension_count": (U32, 2)}, {}, "turns 2 of a head's 4 features"),
    "stretched positions": ({SCALING: (STRING, "yarn")}, {}, "does not compute"),
    "stretched without a type": ({"llama.rope.scaling.factor": (F32, 4.0)}, {}, "scaling.factor '4.0', .* does not compute"),
    "stretched as of old": ({"llama.rope.scale_linear": (F32, 2.0)}, {}, "scale_linear '2.0', .* does not compute"),
    "both sides": ({"llama.attention.causal": (BOOL, False)}, {}, "causal 'False', .* does not compute"),
    "a window": ({"llama.attention.sliding_window": (U32, 8)}, {}, "sliding_window '8', .* does not compute"),
    "narrow values": ({"llama.attention.value_length": (U32, 2)}, {}, "has values of 2 of a head's 4 features"),
    "turned by an array": ({"llama.rope.dimension_count": (ARRAY, (I32, [4, 4]))}, {}, "turns .* of a head's 4"),
    "an array of architectures": ({"general.architecture": (ARRAY, (STRING, ["llama"]))}, {}, "of the architecture"),
    "a huge table of angles": ({"llama.context_length": (U32, 1 << 22), "llama.attention.key_length": (U32, 16),
                                "llama.rope.dimension_count": (U32, 16)}, {}, "table of angles would have 67,108,864 numbers"),
    "experts": ({EXPERTS: (U32, 8)}, {}, "does not compute"),
    "experts of an array": ({EXPERTS: (ARRAY, (I32, [1, 2]))}, {}, "does not compute"),
    "no embedding": ({}, {"token_embd.weight": None}, "does not say vocab_size"),
    "a bias": ({}, {"blk.0.attn_q.bias": floats(np.zeros(16))}, "blk.0.attn_q.bias is unexpected"),
    "a vector for a matrix": ({}, {"token_embd.weight": floats(np.zeros(11))}, "has shape"),
    "a base below 1": ({"llama.rope.freq_base": (F32, 0.5)}, {}, "rope_base 0.5"),
}


@pytest.mark.parametrize("keys, arrays, message", REFUSED.values(), ids=REFUSED.keys())
def test_refused(path, keys, arrays, message):
    model, _ = llama()
    about = {key: value for key, value in (metadata(model) | keys).items() if value is not None}
    content = {name: value for name, value in (tensors(model) | arrays).items() if value is not None}
    path.write_bytes(gguf(about, content))
    with pytest.raises(ValueError, match=message) as error:
        Llama.from_gguf(path)
    assert "llama.gguf" in str(error.value)


def test_positions_that_are_not_stretched(path):
    model, _ = llama()
    path.write_bytes(gguf(metadata(model) | {SCALING: (STRING, "none"), EXPERTS: (U32, 0)}, tensors(model)))
    assert Llama.from_gguf(path).config.n_layers == model.config.n_layers
