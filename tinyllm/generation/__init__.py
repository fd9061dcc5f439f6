"""Writing text with a language model, in reading order: sampling (from logits to a token), next_logits (what is asked of
a model, causal or with a source), one_token (the same for one token, at the speed of memory), generate (token after token),
stops (where to end), text (a tokenizer before and after), beam (search for the likeliest text), beam_tree (what it looked at);
sandbox and chat_template (a conversation as one text), conversation (with a model, turn by turn)."""

from . import sampling
from .generate import Sampling, generate, generate_batch, stream
from .stops import StopFilter
from .text import generate_text, prompt_ids, stream_text
from .beam import Hypothesis, beam_search, beam_search_batch, length_penalty
from .beam_tree import BeamNode, BeamTree
from .chat_template import PLAIN, ChatTemplate, encode_chat
from .conversation import Conversation

__all__ = [
    "BeamNode", "BeamTree", "ChatTemplate", "Conversation", "Hypothesis", "PLAIN", "Sampling", "StopFilter", "beam_search",
    "beam_search_batch", "encode_chat", "generate", "generate_batch", "generate_text", "length_penalty", "prompt_ids",
    "sampling", "stream", "stream_text",
]
