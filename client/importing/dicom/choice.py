"""Which phases are pre, early and late."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedchemo.client.importing.contract import Timing
from fedchemo.client.importing.dicom.geometry import SAME_MM, distance, gaps
from fedchemo.client.importing.dicom.phases import Phase
from fedchemo.client.importing.dicom.sources import FEWEST, Source
from fedchemo.shared.errors import FedchemoError

# A phase takes a minute or two; one further from the time wanted than this shows something else.
_FAR_S = (60.0, 120.0)
# Between the phase before the agent and the first after it lies the injection; a pause beyond this is none.
_PAUSE_S = 180.0


@dataclass(frozen=True)
class Choice:
    """Three phases of a source.

    Attributes:
        phases: pre, early, late.
        times_s: of early and late after pre; None where no clock can be believed.
        why: in a sentence.
        far: what lies far from the time wanted, in words; empty if nothing does.
    """

    phases: tuple[Phase, Phase, Phase]
    times_s: tuple[float, float] | None
    why: str
    far: str = ""

    def miss_s(self, timing: Timing) -> float:
        """Return by how many seconds early and late together miss the times wanted."""
        if self.times_s is None:
            return float("inf")
        return abs(self.times_s[0] - timing.early_s) + abs(self.times_s[1] - timing.late_s)


def choose(source: Source, timing: Timing) -> Choice:
    """Return the last phase before the contrast agent, and those nearest to the times wanted after it.

    Raises:
        FedchemoError: FC120 no phase lies before the agent; FC122 fewer than three phases, or more whose times are
            unknown; FC123 a slice of a chosen phase is missing, there twice, or out of place.
    """
    if len(source.phases) < FEWEST:
        raise FedchemoError(
            "FC122", f"{_count(len(source.phases), 'phase')}; one before and two after contrast are needed"
        )
    before, why_pre = _last_before(source)
    after = range(before + 1, len(source.phases))
    if len(after) < 2:
        raise FedchemoError("FC122", f"{_count(len(after), 'phase')} after contrast; two are needed")
    if source.clock is None:
        if len(after) > 2:
            what = f"{len(source.phases)} phases whose times are unknown, so that none can be said to be early or late"
            raise FedchemoError("FC122", what)
        early, late = after
        why = f"{why_pre}; the two after it are early and late, by their order: no clock tells their times."
        choice = Choice(_three(source, before, early, late), None, why)
    else:
        choice = _by_time(source, before, timing, why_pre)
    for name, phase in zip(("pre", "early", "late"), choice.phases, strict=True):
        _require_whole(name, phase, source)
    return choice


def _by_time(source: Source, before: int, timing: Timing, why_pre: str) -> Choice:
    assert source.clock is not None
    seconds = np.array(source.clock.seconds)
    zero, said = _zero(source, before)
    after = list(range(before + 1, len(seconds)))
    early = min(after[:-1], key=lambda index: abs(seconds[index] - zero - timing.early_s))
    late = min(
        (index for index in after if index > early),
        key=lambda index: abs(seconds[index] - zero - timing.late_s),
    )
    at = (float(seconds[early] - zero), float(seconds[late] - zero))
    listed = ", ".join(f"{second - zero:.0f}" for second in seconds)
    why = (
        f"{why_pre}. By {source.clock.name} the {len(seconds)} phases lie at {listed} s {said}: early is phase"
        f" {early + 1} ({at[0]:.0f} s, nearest to {timing.early_s:g}), late is phase {late + 1}"
        f" ({at[1]:.0f} s, nearest to {timing.late_s:g})."
    )
    wanted = (timing.early_s, timing.late_s)
    far = [
        f"{name} lies at {found:.0f} s, wanted was {want:g} s"
        for name, found, want, limit in zip(("early", "late"), at, wanted, _FAR_S, strict=True)
        if abs(found - want) > limit
    ]
    times = (float(seconds[early] - seconds[before]), float(seconds[late] - seconds[before]))
    return Choice(_three(source, before, early, late), times, why, "; ".join(far))


def _last_before(source: Source) -> tuple[int, str]:
    """Return the index of the last phase before the agent, and how that is known."""
    bolus = _bolus(source)
    if bolus is not None:
        return bolus, f"Pre is phase {bolus + 1}, the last before the time of the injection"
    hints = source.hints()
    if "pre" in hints and hints[0] != "post":
        index = next((at for at, hint in enumerate(hints) if hint != "pre"), len(hints)) - 1
        if index >= 0:
            return index, f"Pre is phase {index + 1}, the last that its name says is before contrast"
    if hints and all(hint == "post" for hint in hints):
        what = (
            "the names of all its series say that they were taken after contrast; the one before is missing"
        )
        raise FedchemoError("FC120", what)
    agents = [_has_agent(phase) for phase in source.phases]
    without = next((at for at, agent in enumerate(agents) if agent), 0)
    if without > 0 and all(agent is False for agent in agents[:without]) and all(agents[without:]):
        return without - 1, f"Pre is phase {without}, the last without a contrast agent in its header"
    return 0, "Pre is phase 1, the first"


def _bolus(source: Source) -> int | None:
    """Return the last phase before ContrastBolusStartTime, if one lies before it and two after."""
    if source.clock is None or not source.clock.of_day:
        return None
    bolus = next(
        (phase.images[0].header.bolus for phase in source.phases if phase.images[0].header.bolus is not None),
        None,
    )
    if bolus is None:
        return None
    earlier = [at for at, second in enumerate(source.clock.seconds) if second < bolus]
    return earlier[-1] if earlier and len(earlier) + 2 <= len(source.phases) else None


def _zero(source: Source, before: int) -> tuple[float, str]:
    """Return the time from which seconds are counted, and how it is said."""
    assert source.clock is not None
    seconds = source.clock.seconds
    if _bolus(source) == before:
        bolus = next(phase.images[0].header.bolus for phase in source.phases if phase.images[0].header.bolus)
        assert bolus is not None
        return bolus, "after the injection"
    pause = seconds[before + 1] - seconds[before]
    usual = float(np.median(np.diff(seconds[before + 1 :])))
    if pause > _PAUSE_S and pause > 2 * usual:
        said = "after the injection, taken to be one phase before the first after it, for there is a pause"
        return seconds[before + 1] - usual, said
    return seconds[before], "after pre"


def _has_agent(phase: Phase) -> bool | None:
    found = {image.frame.agent for image in phase.images}
    return found.pop() if len(found) == 1 else None


def _three(source: Source, *indices: int) -> tuple[Phase, Phase, Phase]:
    pre, early, late = (source.phases[index] for index in indices)
    return pre, early, late


def _require_whole(name: str, phase: Phase, source: Source) -> None:
    """Refuse a phase with a slice too few, twice or out of place (FC123)."""
    if phase.doubled:
        raise FedchemoError(
            "FC123", f"the {name} phase has {_count(phase.doubled, 'slice')} twice that differ"
        )
    levels = source.levels
    missing = [index for index, level in enumerate(levels) if np.abs(phase.levels - level).min() > SAME_MM]
    short = sum(header.short for header in phase.stack.series.headers)
    cut_off = (
        f"; {_count(short, 'file')} of that series {'is' if short == 1 else 'are'} cut off" if short else ""
    )
    if missing:
        named = ", ".join(_place(index, levels) for index in missing[:5]) + (" ..." if missing[5:] else "")
        what = f"the {name} phase lacks {_count(len(missing), 'slice')} of {len(levels)}: {named}{cut_off}"
        raise FedchemoError("FC123", what)
    holes = gaps(levels)
    if holes:
        at, count = holes[0]
        said = f"{_count(count, 'slice')} missing" if count > 0 else "slices not evenly spaced"
        what = (
            f"every phase has {said} after slice {at + 1} of {len(levels)} ({levels[at] - levels[0]:.1f} mm above the"
            f" first; slices are {distance(levels):.2f} mm apart){cut_off}"
        )
        raise FedchemoError("FC123", what)


def _place(index: int, levels: NDArray[np.float64]) -> str:
    return f"slice {index + 1} (index {index}, {float(levels[index] - levels[0]):.1f} mm above the first)"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"
