"""Runs a study: prepares the models, does the jobs that are not done, keeps each as soon as it is, and writes the results."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dqa.errors import DqaError, ToolError
from dqa.lab.study import job as jobs
from dqa.lab.study.config import StudyConfig
from dqa.lab.study.grid import Job, Ranking, key
from dqa.lab.study.grid import jobs as all_jobs
from dqa.lab.study.grid import rankings as all_rankings
from dqa.lab.study.inputs import ModelInputs, prepare
from dqa.lab.study.store import FOLDERS, Record, Store, open_directory
from dqa.support import processes
from dqa.support.progress import Progress, SilentProgress

CONNECT_SECONDS = 20
NEEDED = ("joblib", "matplotlib", "threadpoolctl")


@dataclass(frozen=True)
class Task:
    """A call that a worker makes, and where its result is kept."""

    key: str
    title: str
    function: Any
    arguments: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class StudyRun:
    """measured: the jobs with their records, in the order of the grid. failed: title and reason of those that could not be done.

    made, kept: how many were measured now, and found finished.
    """

    measured: list[tuple[Job, Record]]
    rankings: list[tuple[Ranking, Record]]
    inputs: dict[str, ModelInputs]
    failed: list[tuple[str, str]]
    made: int
    kept: int


class Workers:
    """Where jobs run: in this process, in `count` processes of this machine, or on a Dask cluster, all through joblib.

    A context manager: afterwards the processes of this machine and their temporary files are gone.
    """

    def __init__(self, count: int, scheduler: str | None = None) -> None:
        """Raises ToolError where what is needed is not installed."""
        missing = [name for name in (*NEEDED, *(["distributed"] if scheduler else [])) if find_spec(name) is None]
        if missing:
            raise ToolError(f"a study needs {', '.join(missing)}", hint="pip install 'dqa-convert[study]'")
        self.count, self.scheduler = count, scheduler
        self._open = ExitStack()
        self._scratch: Path | None = None
        self._started = False

    def __enter__(self) -> Self:
        self._scratch = self._open.enter_context(processes.folder())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.close()
        self._scratch, self._started = None, False

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Key and result of every task, in the order they end. Raises ToolError if workers die or the cluster cannot be used."""
        import joblib

        with self._backend():
            parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")
            try:
                with nullcontext() if self.scheduler else _undisturbed():
                    results = parallel(joblib.delayed(_call)(task) for task in tasks)
                yield from results
            except (DqaError, GeneratorExit):
                raise
            except Exception as error:
                what = " ".join(str(error).split())[:200]
                raise ToolError(f"the workers failed: {type(error).__name__}: {what}", hint="the same command goes on") from error

    @contextmanager
    def _backend(self) -> Iterator[None]:
        import joblib

        if self.scheduler is None:
            assert self._scratch is not None, "a context manager"
            if self.count > 1 and not self._started:
                self._started = True
                self._open.callback(_end_workers, self.count)
            mine = {"initializer": processes.belong_to_parent, "initargs": (os.getpid(), self._scratch)}
            with joblib.parallel_config("loky", n_jobs=self.count, temp_folder=str(self._scratch), **mine):
                yield
            return
        from distributed import Client

        try:
            client = Client(self.scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ToolError(
                f"no Dask scheduler answers at '{self.scheduler}'", hint="an address is tcp://HOST:8786, as `dask scheduler` prints it"
            ) from error
        try:
            with joblib.parallel_config("dask", client=client, wait_for_workers_timeout=CONNECT_SECONDS):
                yield
        finally:
            client.close()


def run_study(config: StudyConfig, out: Path, workers: Workers, *, keep_stale: bool = False, progress: Progress | None = None) -> StudyRun:
    """Does what is not done of a study, whose finished jobs are below `out`.

    keep_stale: jobs that other code of dqa measured count as finished.
    Raises InputError and its kinds for bad input; ToolError where jobs fail, after the others have been done.
    """
    progress = progress or SilentProgress()
    work = all_jobs(config)
    open_directory(out)
    models, ranked, measured = (Store(out / name) for name in FOLDERS)
    with progress.task("Preparing models", len(config.models)) as done:
        inputs = {}
        for name, settings in config.models.items():
            inputs[name] = prepare(settings, models.directory)
            done(1)
    tasks = {r: Task(key(r, inputs[r.model].identity()), r.title(), jobs.rank, (r, inputs[r.model])) for r in all_rankings(work)}
    orders = _finish(list(tasks.values()), ranked, workers, keep_stale, progress, "Ranking channels")
    if orders.failed:
        raise ToolError(f"{orders.failed[0][0]}: {orders.failed[0][1]}", hint="the rankings that are finished are kept")

    def task(job: Job) -> Task:
        place = inputs[job.model]
        order = None
        if job.ranking is not None:
            order = orders.records[tasks[Ranking(job.model, job.tensors, job.ranking, job.seed)].key]["result"]["orders"]
        return Task(key(job, place.identity()), job.title(), jobs.measure, (job, place, order))

    found = _finish([task(job) for job in work], measured, workers, keep_stale, progress, "Measuring")
    keys = {job: key(job, inputs[job.model].identity()) for job in work}
    return StudyRun(
        [(job, found.records[keys[job]]) for job in work if keys[job] in found.records],
        [(ranking, orders.records[task.key]) for ranking, task in tasks.items()],
        inputs,
        found.failed,
        found.made,
        len(found.records) - found.made,
    )


@dataclass(frozen=True, eq=False)
class _Finished:
    """records by key; made: how many of them now; failed: title and reason."""

    records: dict[str, Record]
    made: int
    failed: list[tuple[str, str]]


def _neighbours(task: Task) -> tuple[str, str, int]:
    item = task.arguments[0]
    return item.model, item.tensors, item.seed


def _finish(tasks: Sequence[Task], store: Store, workers: Workers, keep_stale: bool, progress: Progress, title: str) -> _Finished:
    """Does the tasks that have no record yet; a record is kept as soon as there is one."""
    records = {task.key: record for task in tasks if (record := store.get(task.key)) is not None and _fresh(record, keep_stale)}
    pending = {task.key: task for task in tasks if task.key not in records}
    failed: list[tuple[str, str]] = []
    if pending:
        # Neighbours share a model and what was found for a seed, which a worker then need not make again.
        in_turn = sorted(pending.values(), key=_neighbours)
        with progress.task(title, len(tasks)) as done:
            done(len(records))
            for name, made in workers.run(in_turn):
                if why := _refusal(made):
                    failed.append((pending[name].title, why))
                else:
                    records[name] = {"key": name, "title": pending[name].title, **made}
                    store.put(records[name])
                done(1)
    return _Finished(records, len(pending) - len(failed), sorted(failed))


def _fresh(record: Mapping[str, Any], keep_stale: bool) -> bool:
    return "result" in record and (keep_stale or record.get("code") == jobs.code_digest())


def _refusal(made: Mapping[str, Any]) -> str | None:
    if "failed" in made:
        return str(made["failed"])
    if made["code"] != jobs.code_digest():
        return "the worker runs other code of dqa than this machine"
    return None


def _end_workers(count: int) -> None:
    """Else they wait for more work, and whoever ends without Python's own end waits for them."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(count, reuse=True).shutdown(kill_workers=True)


def _call(task: Task) -> tuple[str, dict[str, Any]]:
    return task.key, jobs.attempt(task.function, *task.arguments)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Workers that are started here never see the terminal's Ctrl-C, which reaches them too: ending them is this process's business.

    What joblib clears up behind a study that was killed, it does without a word.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # Python's own lets the signal through again when joblib starts it
    variables, name = dict(os.environ), "PYTHONWARNINGS"
    os.environ[name] = ",".join(filter(None, [variables.get(name), "ignore:resource_tracker"]))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if name in variables:
            os.environ[name] = variables[name]
        else:
            del os.environ[name]
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
