"""Figures in sentences that need no statistician, with their uncertainty in the same breath."""

from __future__ import annotations

from collections.abc import Sequence

from fedchemo.shared.metrics.interval import Interval

MINUS = "−"


def interval_words(interval: Interval | None, *, digits: int = 2, signed: bool = False) -> str:
    """Return ``0.74 (95 % interval 0.64 to 0.83)``."""
    if interval is None:
        return "not known"
    value, low, high = (
        number(each, digits=digits, signed=signed) for each in (interval.value, interval.low, interval.high)
    )
    return f"{value} (95 % interval {low} to {high})"


def cell(interval: Interval | None, *, signed: bool = False) -> str:
    """Return the same for a table: ``0.738 [0.644, 0.832]``."""
    if interval is None:
        return "too few"
    value, low, high = (
        number(each, digits=3, signed=signed) for each in (interval.value, interval.low, interval.high)
    )
    return f"{value} [{low}, {high}]"


def number(value: float, *, digits: int = 2, signed: bool = False) -> str:
    """Return a number with a real minus sign; what rounds to nothing has none."""
    told = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    if float(told) == 0:
        told = told.lstrip("+-")
    return told.replace("-", MINUS)


def ranking(area: Interval) -> str:
    """Return what an AUC means."""
    return (
        "Of a patient who reaches pCR and one who does not, it gives the first the higher chance in "
        f"{100 * area.value:.0f} of 100 such pairs (a coin toss: 50). That is an AUC of {interval_words(area)}."
    )


def verdict(area: Interval | None, difference: Interval | None, *, against: str) -> str:
    """Return the answer in one sentence."""
    if area is None:
        return "How good the model is, is not known."
    if area.low > 0.5:
        told = "The model ranks patients better than chance"
    else:
        told = "These patients do not show that the model ranks better than chance"
    if difference is None:
        return f"{told}. Whether it is better than {against} cannot be told."
    if difference.low > 0:
        return f"{told}, and better than {against}."
    if difference.high < 0:
        return f"{told}, but worse than {against}."
    return f"{told}. That it is better than {against} was not shown, nor that it is worse."


def contrast(difference: Interval, *, against: str) -> str:
    """Return what a difference in AUC means, without taking "not detected" for "equal"."""
    if difference.excludes(0):
        low, high = sorted((abs(difference.low), abs(difference.high)))
        word = "higher" if difference.value > 0 else "lower"
        return (
            f"On the same patients its AUC is {word} than that of {against} by {abs(difference.value):.3f} "
            f"(95 % interval {low:.3f} to {high:.3f})."
        )
    gain, loss = number(difference.high, digits=3), number(-difference.low, digits=3)
    return (
        f"On the same patients its AUC less that of {against} is {interval_words(difference, digits=3, signed=True)}. "
        f"A gain of up to {gain} and a loss of up to {loss} fit them as well: that no difference was detected "
        "does not mean that there is none."
    )


def count(number_of: int, one: str, many: str = "") -> str:
    """Return ``1 hospital`` or ``4 hospitals``."""
    return f"{number_of:,} {one if number_of == 1 else many or one + 's'}"


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """Return names in a row; beyond ``most`` how many more."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def size_words(bytes_of: int | None) -> str:
    """Return a number of bytes as people say it."""
    if bytes_of is None:
        return "not recorded"
    size = float(bytes_of)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def time_words(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
