"""Measures a conversion before it is believed: the program, plain int8 and the float network on samples set aside.

Where the planner may choose, the smallest plan is taken whose measured answers hold: they are as near to the float network's as those of
TensorFlow Lite's int8, or, where that is nearer than it need be, within `tolerance` of those of the program that keeps 8 bits everywhere;
and above a floor. Of few samples one is less sure. What is predicted orders the plans; it does not decide. Then ranges and weights are made
of all samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dqa.conversion import decisions as decide
from dqa.conversion.decisions import Decisions, Known
from dqa.conversion.measured import Measured, MeasuredOutput, Source
from dqa.conversion.request import MOST_APART, Request
from dqa.conversion.trial import Answers, Judge, Trial
from dqa.errors import ToolError
from dqa.lowering.planned import Planned, Planner
from dqa.planning.search import Solution, knee
from dqa.support.progress import Progress, SilentProgress

FLOOR = 10.0
"""dB. Below it answers are not those of the network, whatever 8 bits give."""
DOUBT = 3.0
"""dB by which the interval of 95 % may reach below what is asked for."""
CLOSE = 0.01
"""Share of RAM that is not worth another trial."""
MORE_BITS = (0.5, 1.0, 2.0, 3.0)


@dataclass(frozen=True, eq=False)
class Guard:
    """known: what the samples that are not set aside say. reference: the program that keeps 8 bits everywhere. int8: as TensorFlow Lite."""

    judge: Judge
    known: Known
    reference: Trial
    int8: Trial
    source: Source

    def holds(self, trial: Trial) -> bool:
        """Whether the answers of each output do: in the mean and all but surely, where need be with the help of samples that decided; those
        set aside refuse what surely does not hold on them, or is below the floor."""
        return all(self._holds(trial, place) for place in range(len(trial.answers.comparisons)))

    def _holds(self, trial: Trial, place: int) -> bool:
        more, answers, reference = (one.comparisons[place] for one in (trial.more, trial.answers, self.reference.more))
        least, on_these = self._least(self.int8.more, self.reference.more, place), self.least(place)
        enough = more.snr >= least and more.sure >= min(least - DOUBT, reference.sure)
        return enough and answers.possible >= on_these and answers.snr >= min(FLOOR, on_these)

    def least(self, place: int) -> float:
        """dB that the answers of an output must have; never more than those of 8 bits everywhere have."""
        return self._least(self.int8.answers, self.reference.answers, place)

    def _least(self, int8: Answers, reference: Answers, place: int) -> float:
        eight = reference.comparisons[place].snr
        return min(max(min(eight - self.judge.request.settings.tolerance, int8.comparisons[place].snr), FLOOR), eight)

    def tightest(self, trial: Trial) -> int:
        """The output whose answers are the least above what they must have, or the most below."""
        over = [found.snr - self.least(place) for place, found in enumerate(trial.answers.comparisons)]
        return over.index(min(over))

    def measured(self, trial: Trial, tried: int, *, nearest: str = "", plans: Iterable[tuple[int, Trial]] = ()) -> Measured:
        """plans: what was tried, and the arena of each."""
        judge, place = self.judge, self.tightest(trial)
        metrics = [head.metric if head is not None else None for head in judge.heads]
        floats = [judge.value(expected, place) for place, expected in enumerate(judge.expected)]
        columns = metrics, floats, self.int8.answers.comparisons, trial.answers.comparisons
        return Measured(
            len(judge.samples),
            self.source,
            dict(zip(trial.built.interface.output_names, map(MeasuredOutput, *columns), strict=True)),
            self.reference.answers.comparisons[place].snr,
            self.least(place),
            trial.answers.comparisons[place].snr,
            trial.answers.comparisons[place].sure,
            self.holds(trial),
            tried,
            nearest,
            judge.varies,
            tuple((arena, one.answers.comparisons[place].snr, one is trial) for arena, one in plans),
        )


def settled(request: Request, progress: Progress) -> tuple[Decisions, Measured | None]:
    """The decisions, from all samples, and what those from a part of them measured on the others; None where nothing can be measured.

    Raises ModelError, DataError, RecipeError, ToolError, BoardError (a RAM budget that no plan fits).
    """
    if request.recipe is not None:
        return decide.from_recipe(request.model, request.recipe), None
    if request.stand_in:
        known = decide.observed(request, progress)
        return decide.int8(known, request.dtypes), None
    guard, everything = prepared(request, progress)
    if guard is None:
        return _unmeasured(everything, progress), None
    if request.settings.ram == "auto":
        plan, measured = _smallest(guard, progress)
        found = decide.planned(guard.known, plan) if plan is not None else decide.eight_bits(guard.known)
    else:
        found = decide.chosen(guard.known, progress)
        with progress.task("Measuring", None):
            trial = guard.judge.try_out(found)
        measured = guard.measured(trial, 1, nearest="" if guard.holds(trial) else _nearest(guard, found, progress))
    return decide.made(everything, found.choices, found.coded, found.phases, found.planned), measured


def prepared(request: Request, progress: Progress) -> tuple[Guard | None, Known]:
    """The guard, and what all samples say."""
    everything = decide.observed(request, progress)
    if everything.cut.builtins is not None:
        return None, everything
    if request.validation is not None:
        part, samples, source = request, request.validation, Source.VALIDATION
    else:
        part, apart = request.apart()
        samples, source = (apart, Source.APART) if apart is not None else (request.some(MOST_APART), Source.CALIBRATION)
    known = everything if part is request else decide.observed(part, progress)
    room = MOST_APART - len(samples)
    used = part.some(room) if room > 0 and source is not Source.CALIBRATION else None
    judge = Judge(part, samples, used)
    with progress.task("Measuring int8", None):
        try:
            int8 = judge.try_out(decide.int8(known, part.dtypes), nearest=True)
        except ToolError:  # no compiler for the host's executor
            return None, everything
        return Guard(judge, known, judge.try_out(decide.eight_bits(known)), int8, source), everything


def _unmeasured(known: Known, progress: Progress) -> Decisions:
    if known.network.config.ram != "auto" or known.cut.builtins is not None:
        return decide.chosen(known, progress)
    plans = decide.planner(known, progress)
    with progress.task("Planning", None):
        return decide.planned(known, plans.auto())


def _smallest(guard: Guard, progress: Progress) -> tuple[Planned | None, Measured]:
    """The smallest plan whose answers hold; None where only 8 bits everywhere do."""
    plans = decide.planner(guard.known, progress)
    with progress.task("Planning", None):
        front = plans.front
    tried: dict[int, tuple[Planned, Trial]] = {}

    def attempt(solution: Solution) -> bool:
        if solution.arena not in tried:
            plan = replace(plans.realize(solution), front=front)
            tried[solution.arena] = plan, guard.judge.try_out(decide.planned(guard.known, plan))
        return guard.holds(tried[solution.arena][1])

    with progress.task("Measuring plans", None):
        found = _first(front, attempt, front.index(knee(front)))
        if found is None:
            return None, guard.measured(guard.reference, len(tried), plans=_arenas(plans, tried.values()))
        smallest = _between(plans, front[found - 1], front[found], attempt) if found else front[0]
    plan, trial = tried[smallest.arena]
    place = guard.tightest(trial)
    found_snr, eight = (one.answers.comparisons[place].snr for one in (trial, guard.reference))
    reason = f"the smallest of {len(tried)} measured whose answers hold: {found_snr:.1f} dB, 8 bits everywhere {eight:.1f} dB"
    return replace(plan, reason=reason), guard.measured(trial, len(tried), plans=_arenas(plans, tried.values()))


def _arenas(plans: Planner, tried: Iterable[tuple[Planned, Trial]]) -> Iterator[tuple[int, Trial]]:
    return ((plans.ram(plan.program), trial) for plan, trial in tried)


def _first(front: Sequence[Solution], holds: Callable[[Solution], bool], start: int) -> int | None:
    """The place of the first plan that holds, if all after one that does hold, too; None if the last does not. Tries `start` first."""
    low, high, place = 0, len(front), start
    while low < high:
        if holds(front[place]):
            high = place
        else:
            low = place + 1
        place = (low + high) // 2
    return low if low < len(front) else None


def _between(plans: Planner, fails: Solution, holds: Solution, attempt: Callable[[Solution], bool]) -> Solution:
    """A smaller plan that holds, between one that does and the next smaller of the front, which does not."""
    while holds.arena > fails.arena * (1 + CLOSE):
        middle = plans.search.within((holds.arena + fails.arena) // 2)
        if not fails.arena < middle.arena < holds.arena:
            break
        if attempt(middle):
            holds = middle
        else:
            fails = middle
    return holds


def _nearest(guard: Guard, found: Decisions, progress: Progress) -> str:
    """The budget nearest to the one that was given whose answers hold, as an option; empty where there is none."""
    config = guard.known.network.config
    with progress.task("Looking for a budget that holds", None):
        if found.planned is not None:
            plans = decide.planner(guard.known, progress)
            front = [solution for solution in plans.front if solution.arena > found.planned.solution.arena]
            place = _first(front, lambda one: guard.holds(guard.judge.try_out(decide.planned(guard.known, plans.realize(one)))), 0)
            return "" if place is None else f"--ram {plans.ram(plans.realize(front[place]).program)}"
        if config.maps == "coded":
            for more in MORE_BITS:
                bits = config.packing.bits + more
                if bits <= 8 and guard.holds(guard.judge.try_out(decide.chosen(guard.known.with_bits(bits), SilentProgress()))):
                    return f"--bits {bits:g}"
    return ""
