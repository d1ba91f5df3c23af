"""One study: its series judged, its phases chosen, everything said that was taken and left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fedchemo.client.importing.contract import Timing
from fedchemo.client.importing.dicom.choice import Choice, choose
from fedchemo.client.importing.dicom.header import Header
from fedchemo.client.importing.dicom.phases import Cut, cut
from fedchemo.client.importing.dicom.sources import Source, sources
from fedchemo.client.importing.dicom.stacks import Series, Stack, largest_stack, series_of
from fedchemo.shared.errors import FedchemoError


@dataclass(frozen=True)
class Failure:
    """Why something cannot be used: a code, and a sentence without a name."""

    code: str
    what: str


@dataclass(frozen=True)
class Study:
    """A study and what it comes to.

    Attributes:
        headers: of all its files.
        series: of it.
        source, choice: the phases taken; None if the study cannot be used.
        failure: why it cannot be used.
        dynamic: whether it holds anything that could be a dynamic series.
        taken: sentences.
        left: sentences, on phases and images of the series taken.
        left_series: a sentence on each series that was not taken, by its identity.
        passed_over: what would have been preferred and cannot be used.
    """

    headers: tuple[Header, ...]
    series: tuple[Series, ...]
    source: Source | None
    choice: Choice | None
    failure: Failure | None
    dynamic: bool
    taken: tuple[str, ...]
    left: tuple[str, ...]
    left_series: dict[str, str]
    passed_over: Failure | None = None


def judge(headers: Iterable[Header], timing: Timing) -> Study:
    """Return what a study comes to."""
    known = tuple(headers)
    series = tuple(series_of(known))
    reasons: dict[str, str] = {}
    failures: list[Failure] = []
    cuts: list[Cut] = []
    dynamic = False
    for one in series:
        if one.role.kind not in {"dynamic", "possible"}:
            reasons[one.uid] = one.role.what
            continue
        try:
            cuts.append(cut(_stack(one)))
        except FedchemoError as wrong:
            reasons[one.uid] = f"{one.role.what}; {wrong.what}"
            if one.role.kind == "dynamic":
                failures.append(Failure(wrong.code, f"{one.name}: {wrong.what}"))
        dynamic |= one.role.kind == "dynamic"
    ranked, failed = _ranked(sources(cuts), timing)
    failures += [failure for _, failure in failed]
    if not ranked:
        failure = failed[0][1] if failed else _nothing(series, failures)
        return Study(known, series, None, None, failure, dynamic, (), (), _sentences(series, reasons, set()))
    source, choice = ranked[0]
    used = source.series_uids()
    for found in cuts:
        uid = found.phases[0].stack.series.uid
        reasons.setdefault(uid, _why_left(found, source, [other for other, _ in ranked[1:]], failed))
    passed_over = next((failure for other, failure in failed if other.prepared and not source.prepared), None)
    left, left_series = _other_phases(source, choice), _sentences(series, reasons, used)
    return Study(
        known, series, source, choice, None, True, _taken(source, choice), left, left_series, passed_over
    )


def _stack(series: Series) -> Stack:
    if series.clash:
        raise FedchemoError("FC123", "two different images have one identity")
    stack = largest_stack(series)
    if stack is None:
        raise FedchemoError("FC124", "no image tells where it lies, or all are cut off")
    return stack


def _ranked(
    found: list[Source], timing: Timing
) -> tuple[list[tuple[Source, Choice]], list[tuple[Source, Failure]]]:
    """Return the sources that can be used, the best first, and the others with the reason, the best first."""
    usable, failed = [], []
    for source in found:
        try:
            usable.append((source, choose(source, timing)))
        except FedchemoError as wrong:
            failed.append((source, Failure(wrong.code, wrong.what)))
    # A minute more or less shows the same; then the finer and the fuller volume is the better one.
    usable.sort(
        key=lambda one: (
            not one[0].prepared,
            not one[0].named,
            one[0].clock is None,
            min(one[1].miss_s(timing) // 60, 1e6),
            max(one[0].phases[0].stack.plane.spacing),
            -len(one[0].levels),
            -len(one[0].phases),
        )
    )
    failed.sort(key=lambda one: (not one[0].prepared, not one[0].named, -len(one[0].phases)))
    return usable, failed


def _nothing(series: tuple[Series, ...], failures: list[Failure]) -> Failure:
    """Return why a study has no source at all."""
    if failures:
        return failures[0]
    candidates = [one for one in series if one.role.kind == "dynamic"]
    if candidates:
        names = ", ".join(one.name for one in candidates[:4])
        what = f"fewer than three phases lie on one grid: {names}{' ...' if candidates[4:] else ''}"
        return Failure("FC122", what)
    roles = sorted({one.role.what for one in series})
    return Failure("FC120", f"no dynamic series among {len(series)} series: {'; '.join(roles[:6])}")


def _taken(source: Source, choice: Choice) -> tuple[str, ...]:
    names: dict[str, Series] = {phase.stack.series.uid: phase.stack.series for phase in source.phases}
    listed = " + ".join(one.name for one in names.values())
    kinds = " and ".join(sorted({one.role.what for one in names.values()}))
    apart = f"told apart by {source.by}" if source.by else "a phase a series"
    twice = sum(one.twice for one in names.values())
    sentences = [
        f"{_start(listed)}: {kinds}, {len(source.phases)} phases of {len(source.levels)} slices, {apart}.",
        choice.why,
    ]
    if source.same:
        sentences.append(f"{source.same} phases were there twice, with the same times; each was taken once.")
    if twice:
        sentences.append(f"{twice} files were there twice; each was taken once.")
    return tuple(sentences)


def _other_phases(source: Source, choice: Choice) -> tuple[str, ...]:
    left = [str(order) for order, phase in enumerate(source.phases, 1) if phase not in choice.phases]
    beside = sum(stack.left for stack in {id(p.stack): p.stack for p in source.phases}.values())
    sentences = []
    if left:
        sentences.append(f"Phase {', '.join(left)} of these: further from the times wanted.")
    if beside:
        sentences.append(
            f"{beside} images of these series: of another direction, size or kind than the rest."
        )
    return tuple(sentences)


def _why_left(cut_of: Cut, source: Source, others: list[Source], failed: list[tuple[Source, Failure]]) -> str:
    series = cut_of.phases[0].stack.series
    for other, failure in failed:
        if series.uid in other.series_uids():
            return f"{series.role.what}; {failure.what}"
    if any(series.uid in other.series_uids() for other in others):
        if source.prepared:
            return f"{series.role.what}; the prepared series of all phases was preferred"
        return f"{series.role.what}; the series taken lie nearer to the times wanted, or are finer"
    return f"{series.role.what}; it stands alone on its grid"


def _sentences(series: tuple[Series, ...], reasons: dict[str, str], used: set[str]) -> dict[str, str]:
    return {
        one.uid: f"{_start(one.name)}: {reasons.get(one.uid, one.role.what)}."
        for one in series
        if one.uid not in used
    }


def _start(name: str) -> str:
    return name[:1].upper() + name[1:]
