"""Which of the phases of a dynamic series are pre, early and late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fedchemo.client.importing.contract import Timing

# Without times: the median I-SPY2 study takes its second phase after 132 s and its sixth after 490 s.
_USUAL_LATE = 5


@dataclass(frozen=True)
class Choice:
    """The phases taken.

    Attributes:
        pre: the number of the phase before the contrast agent; so are the next two.
        early: the phase nearest to the early time wanted.
        late: the phase nearest to the late time wanted, after ``early``.
        times_s: of early and late after pre; None if they are not known.
        why: a sentence.
    """

    pre: int
    early: int
    late: int
    times_s: tuple[float, float] | None
    why: str


def choose(
    numbers: Sequence[int], times: Sequence[float] | None = None, timing: Timing | None = None
) -> Choice | None:
    """Choose among numbered phases, of which 0 is the pre-contrast one.

    Three files are these three, whatever the times say: such a folder was thinned after its table was made. Of
    more, the phases nearest to the times wanted, early before late. Without times for three of them, the first
    phase after the contrast agent, and number 5 or the last before it.

    Args:
        numbers: of the files that are there.
        times: seconds of each phase after the first, by number; a table may list fewer or more than there are.
        timing: the times wanted; 150 s and 450 s by default.

    Returns:
        The choice; None if there are fewer than three phases or 0 is not among them.
    """
    timing = timing or Timing()
    there = sorted(numbers)
    if len(there) < 3 or there[0] != 0:
        return None
    if len(there) == 3:
        known = times if times is not None and len(times) == 3 and there == [0, 1, 2] else None
        why = "Three phases are there and were taken in their order"
        return _choice(there[0], there[1], there[2], known, why)
    timed = [number for number in there if number < len(times)] if times is not None else []
    if times is None or len(timed) < 3:
        usual = [number for number in there if number <= _USUAL_LATE]
        late = usual[-1] if len(usual) >= 3 else there[2]
        why = f"No times are known for {len(there)} phases; those of a usual protocol were taken"
        return _choice(0, there[1], late, None, why)
    after = timed[1:]
    early = min(after[:-1], key=lambda number: abs(times[number] - times[0] - timing.early_s))
    late = min(
        (number for number in after if number > early),
        key=lambda number: abs(times[number] - times[0] - timing.late_s),
    )
    why = f"Of {len(there)} phases those nearest to {timing.early_s:g} s and {timing.late_s:g} s were taken"
    return _choice(0, early, late, times, why)


def _choice(pre: int, early: int, late: int, times: Sequence[float] | None, why: str) -> Choice:
    if times is None:
        return Choice(pre, early, late, None, f"{why}: {pre}, {early} and {late}.")
    taken = (float(times[early] - times[pre]), float(times[late] - times[pre]))
    return Choice(
        pre, early, late, taken, f"{why}: {pre}, {early} ({taken[0]:g} s) and {late} ({taken[1]:g} s)."
    )
