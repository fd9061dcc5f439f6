"""Training, in reading order: config (what a run is told), objectives (what is learned, a file each), corpora (texts for them),
trainer (the run), loop (its steps), workers (who shares them: threads, processes, machines), shards (how weights and gradients
are divided), gradients, optimization, evaluation; then what a run leaves behind: run_folder, checkpoint, records, history_html,
files; and what surrounds it: memory, progress, interruption; loss_scaling is for loops of one's own."""

from .config import TrainConfig
from .objectives import (
    Causal,
    Classification,
    Contrastive,
    Masked,
    MaskedAndNext,
    Objective,
    Reconstruction,
    SequenceToSequence,
    SpanExtraction,
    TokenClassification,
    macro_f1,
)
from .trainer import train
from .loop import Loop, NonFiniteError, TrainSource, ValidSource
from .workers import Processes, Ranks, Threads, WorkerDied, Workers, choose_workers, default_workers
from .evaluation import evaluate, measure
from .checkpoint import Checkpoint, load_checkpoint, read_state, save_checkpoint
from .records import History, read_records
from .memory import keep_freed_memory
from .loss_scaling import LossScaler
from .interruption import Interrupted

__all__ = [
    "TrainConfig", "Causal", "Classification", "Contrastive", "Masked", "MaskedAndNext", "Objective", "Reconstruction",
    "SequenceToSequence", "SpanExtraction", "TokenClassification", "macro_f1", "train", "NonFiniteError", "TrainSource",
    "ValidSource", "Loop", "Workers", "Threads", "Processes", "Ranks", "WorkerDied", "choose_workers", "default_workers",
    "evaluate", "measure", "Checkpoint", "load_checkpoint", "read_state", "save_checkpoint", "History", "read_records",
    "keep_freed_memory", "LossScaler", "Interrupted",
]
