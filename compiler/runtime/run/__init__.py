"""The run directory: what a training run, a tree model or an ensemble leaves behind, and how it is read again.

    run.json               written last; says what everything else is
    model.yaml             the resolved model spec
    rows.csv               row numbers and names (paths), where the data's rows have names
    preprocessing.json     how its inputs were prepared: {data, task, class_names, inputs, fitted}
    model.keras | ...      weights and architecture
    history.csv            one row an epoch
    predictions/val.npz    `predictions` float32 (N, C) or (N, K), `rows` (N,) ids, `labels` (N,) or (N, K)
    predictions/test.npz   unless train.test=skip
    snapshots/epoch-012/   with train.snapshots: a run directory of that epoch, made when the training is over

Every file is made under a temporary name (`.tmp-...` in the directory), synced to disk and renamed, so a file
under a real name is whole, whenever the process was killed. The fields of `run.json`:

    schema       version of this form, an integer; readers refuse newer ones
    status       `running` from the start, then `complete`, `failed`, `pruned` by a sweep, or `interrupted` where a
                 checkpoint is left from which it can go on; a killed run stays `running`
    process      {pid, host, started}: who writes or wrote it; `started` in UTC
    finished     when it stopped running, in UTC
    reason       of a failed, pruned or interrupted run: why
    artefacts    {name: {sha256, bytes}}, names relative to the directory with `/`
    kind, name   `keras`, `gbdt`, `ensemble`, ...; the model's name
    overrides    the command line
    resumed      the processes that were at work before it, each with the epochs and steps that the next took over
    task         `multiclass`, `binary`, `multilabel` or `regression`
    metrics      {train: {...}, val: {...}, test: {...}}: finite numbers by metric, so that a selector says `val.loss`;
                 no `test` unless train.test=score; of a pruned run, those of its last epoch
    best_epoch   whose weights were kept, from 1; `epochs_run` how many there were, `stopped` what ended them
    snapshots    the epochs that have a run of their own below this one; there `snapshot` says the `epoch` and the `run`
    soup         of a mean of networks: recipe, monitor, what that was of each of the members, and which were taken
    warnings     what was noticed while it trained: code, message, place, hint (W821 and on)
    initial      the weights it began with: file, sha256, how they were paired; null for random ones
    xla          of a network: whether XLA compiled its steps, and why
    spec_hash    sha256 of the expanded graph
    model        its layers, params, trainable_params, flops, activation_bytes
    data         fingerprints of rows, labels and class order; rows by split, classes, and where they came from
    config       the resolved sections `train`, `data`, `limits` and `plugins`
    seeds        by purpose
    timings      seconds by phase: plan, data, import, build, trace, fit (steps), validate, report, health, checkpoint,
                 evaluate, snapshots, save; together the time until this file was written. `first_step` is no phase: the
                 process's age then, where it trains once
    seal         the last field: sha256 of all that stands before it; a record that was changed is refused
    environment  what `environment()` gives: package versions, Python, platform, CPUs, thread counts

From `kind` on, the fields are the caller's: `RunWriter.complete` takes them as they are. Metrics and what follows from
the training are there at its end; the rest from the start.
"""

from compiler.runtime.run.checkpoints import Checkpoint, Checkpoints
from compiler.runtime.run.environment import environment
from compiler.runtime.run.files import TEMPORARY, Artefact
from compiler.runtime.run.reader import Predictions, Run, read_record, read_run
from compiler.runtime.run.snapshots import SnapshotFolder
from compiler.runtime.run.writer import SCHEMA, RunWriter

__all__ = [
    "SCHEMA",
    "TEMPORARY",
    "Artefact",
    "Checkpoint",
    "Checkpoints",
    "Predictions",
    "Run",
    "RunWriter",
    "SnapshotFolder",
    "environment",
    "read_record",
    "read_run",
]
