"""Options that several commands share, and what becomes of them. Every default works on a laptop."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models.config import ModelConfig
    from ..training import TrainConfig

LR, LARGE_LR, LARGE = 3e-3, 1e-4, 5_000_000


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Examples as they are typed, and the default behind each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or action.default is False or action.required:
            return action.help
        return super()._get_help_string(action)


def add_tokenizer(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("tokenizer")
    group.add_argument(
        "--tokenizer", default="bpe", metavar="bpe|char|PATH",
        help="byte pairs or characters, learned from the text; or a run's folder or a tokenizer.json that is there already",
    )
    group.add_argument("--vocab-size", type=int, default=2048, metavar="N", help="tokens of a bpe tokenizer")


def add_model(command: argparse.ArgumentParser, layers: int, context: int, dropout: float = 0.0) -> None:
    group = command.add_argument_group("model")
    group.add_argument("--layers", type=int, default=layers, metavar="N", help="Transformer layers")
    group.add_argument("--heads", type=int, default=4, metavar="N", help="attention heads")
    group.add_argument("--width", type=int, default=128, metavar="N", help="numbers a token's vector has, a multiple of heads")
    group.add_argument("--context", type=int, default=context, metavar="N", help="tokens the model sees at once")
    group.add_argument("--dropout", type=float, default=dropout, metavar="P", help="share of activations dropped in training")
    group.add_argument(
        "--positions", choices=("learned", "sinusoidal", "rotary", "relative", "alibi"),
        help="how a place in the text is told (default: the kind of model's own way)",
    )
    group.add_argument(
        "--activation", help="of the feed-forward network: gelu, gelu_tanh, relu, swiglu, geglu (default: the model's own)"
    )


def add_training(command: argparse.ArgumentParser, small_lr: float = LR, **defaults: Any) -> None:
    """`defaults` by the names that `train_config` reads; each command's recipe. `small_lr` as in `fit_lr`."""
    group = command.add_argument_group("training")

    def add(name: str, kind: type, text: str, metavar: str = "X") -> None:
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, default=defaults[name], metavar=metavar, help=text)

    add("batch", int, "sequences in a batch", "N")
    add("steps", int, "updates of the weights", "N")
    group.add_argument(
        "--optimizer", choices=("adamw", "muon", "sgd"), default="adamw", help="muon: for hidden matrices, AdamW for the rest"
    )
    by_size = f" (default: {small_lr}, for models of more than {LARGE:,} parameters {LARGE_LR})"
    by_size = "" if defaults["lr"] is not None else by_size
    add("lr", float, "highest learning rate" + by_size)
    add("muon_lr", float, "with muon, the rate of its matrices")
    add("min_lr", float, "rate at the end of the schedule (default: a tenth of lr; with the linear one 0)")
    group.add_argument(
        "--schedule", choices=("cosine", "linear", "constant"), default=defaults["schedule"], help="how the rate falls"
    )
    add("warmup", int, "steps of rising rate (default: a twentieth of all)", "N")
    add("beta1", float, "AdamW's averaging of gradients")
    add("beta2", float, "AdamW's averaging of their squares")
    add("momentum", float, "of muon and sgd")
    add("weight_decay", float, "of matrices")
    add("clip", float, "longest gradient, 0 for any")
    add("accumulation", int, "batches for each update", "N")
    add("patience", int, "stop after so many evaluations without a new best, 0: never", "N")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of first weights, the data's order, dropout")
    group.add_argument("--workers", type=int, metavar="N", help="how many share a batch (default: a core each, at most 8)")
    group.add_argument(
        "--worker-kind", choices=("processes", "threads"), help="what they are (default: processes where that is safe)"
    )
    group.add_argument("--device", default="cpu", metavar="NAME", help="cpu, cuda or cuda:N")
    group.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32", help="of products; bfloat16 is for a GPU"
    )
    add("eval_every", int, "steps between evaluations, each with a checkpoint", "N")
    add("log_every", int, "steps between lines of metrics.jsonl", "N")
    group.add_argument("--quiet", action="store_true", help="no progress bar")


TRAINING = {
    "batch": 16, "steps": 1000, "lr": 1e-3, "muon_lr": 0.02, "min_lr": None, "schedule": "cosine", "warmup": None, "beta1": 0.9,
    "beta2": 0.98, "momentum": 0.95, "weight_decay": 0.05, "clip": 1.0, "accumulation": 1, "patience": 0, "eval_every": 250,
    "log_every": 10,
}


def add_sampling(command: argparse.ArgumentParser, tokens: int) -> None:
    """How text is written; `tokens` is the default of how many."""
    group = command.add_argument_group("sampling")
    group.add_argument("--tokens", type=int, default=tokens, metavar="N", help="at most so many new tokens")
    group.add_argument("--temperature", type=float, default=0.8, metavar="T", help="below 1 careful, above 1 wild")
    group.add_argument("--top-k", type=int, metavar="K", help="draw from the K likeliest tokens (default: all)")
    group.add_argument("--top-p", type=float, metavar="P", help="draw from the likeliest that add up to P (default: all)")
    group.add_argument("--repetition-penalty", type=float, default=1.0, metavar="X", help="above 1: repeat less")
    group.add_argument("--greedy", action="store_true", help="always the likeliest token")
    group.add_argument("--seed", type=int, metavar="N", help="the same seed, the same text (default: drawn)")


def sampling(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `add_sampling` but for --tokens and --seed, as `generation.Sampling` takes them."""
    names = ("temperature", "top_k", "top_p", "greedy", "repetition_penalty")
    return {name: getattr(args, name) for name in names}


def add_output(command: argparse.ArgumentParser, folder: str) -> None:
    group = command.add_argument_group("output")
    group.add_argument("--out", default=folder, metavar="FOLDER", help="the run's folder")
    group.add_argument(
        "--resume", action="store_true",
        help="go on with the run in --out, to the same numbers; its options hold, only --out must be given",
    )


def train_config(args: argparse.Namespace) -> TrainConfig:
    from ..training import TrainConfig

    min_lr = 0.0 if args.min_lr is None and args.schedule == "linear" else args.min_lr
    return TrainConfig(
        steps=args.steps, optimizer=args.optimizer, lr=args.lr, muon_lr=args.muon_lr, min_lr=min_lr, schedule=args.schedule,
        warmup=args.warmup, betas=(args.beta1, args.beta2), momentum=args.momentum, weight_decay=args.weight_decay,
        clip=args.clip, accumulation=args.accumulation, seed=args.seed, workers=args.workers, eval_every=args.eval_every,
        log_every=args.log_every, patience=args.patience,
        precision=args.precision, processes=None if args.worker_kind is None else args.worker_kind == "processes",
    )


def model_config(args: argparse.Namespace, kind: str, vocab_size: int, **more: Any) -> ModelConfig:
    """The config of a model of this kind; each has its own activation and positions where none are asked for."""
    from ..models import AutoencoderConfig, BertConfig, GPTConfig, LlamaConfig, Seq2SeqConfig, T5Config

    kinds: dict[str, Any] = {
        "gpt": GPTConfig, "llama": LlamaConfig, "bert": BertConfig, "seq2seq": Seq2SeqConfig, "t5": T5Config,
        "autoencoder": AutoencoderConfig,
    }
    chosen = {name: getattr(args, name) for name in ("activation", "positions") if getattr(args, name) is not None}
    config: ModelConfig = kinds[kind](
        vocab_size=vocab_size, context=args.context, n_layers=args.layers, n_heads=args.heads, d_model=args.width,
        dropout=args.dropout, **chosen, **more,
    )
    return config


def model_of(kind: str, config: ModelConfig) -> Any:
    """A model from scratch; its first weights are drawn."""
    from ..models import GPT, T5, Autoencoder, Bert, Llama, Seq2Seq

    kinds: dict[str, Any] = {
        "gpt": GPT, "llama": Llama, "bert": Bert, "seq2seq": Seq2Seq, "t5": T5, "autoencoder": Autoencoder
    }
    return kinds[kind](config)


def fit_lr(args: argparse.Namespace, model: Any, small_lr: float = LR) -> None:
    """Choose --lr where none was given. A large pretrained model is changed with care; a small one has more to learn."""
    if args.lr is None:
        args.lr = LARGE_LR if model.n_parameters() > LARGE else small_lr
