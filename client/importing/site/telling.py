"""An import's outcome in words that name no patient but by pseudonym."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fedchemo.client.importing.contract import Found
from fedchemo.client.importing.site.joining import Joined
from fedchemo.client.importing.site.outcome import Outcome
from fedchemo.client.importing.site.request import ImportRequest
from fedchemo.client.importing.site.words import Words

if TYPE_CHECKING:
    from fedchemo.client.importing.deidentification.pseudonyms import Pseudonyms
    from fedchemo.client.importing.tables.contract import ImportedTables


def tell(
    outcome: Outcome,
    request: ImportRequest,
    tables: ImportedTables,
    found: Found,
    joined: Joined,
    names: Mapping[str, str],
    pseudonyms: Pseudonyms,
    *,
    done: Sequence[str],
) -> None:
    """Fill in who was set aside and why, what was taken and left, and what the source files expose.

    Args:
        outcome: to fill in.
        request: what was wanted.
        tables: the tables as read.
        found: the images as found.
        joined: who has what, with all reasons.
        names: join key to pseudonym, of the patients who take part.
        pseudonyms: for the others.
        done: what was done to examinations beyond copying them.
    """
    words = Words((*request.tables, *request.mappings), {*joined.known(tables.places), *names})
    for key, problems in sorted(joined.set_aside.items()):
        outcome.set_aside += [words.told(problem, pseudonyms.of(key)) for problem in problems]
    for (key, _), problems in sorted(
        joined.not_taken.items(), key=lambda slot: (slot[0][0], slot[0][1] or "")
    ):
        if key in names:
            outcome.not_taken += [words.told(problem, names[key]) for problem in problems]
    outcome.not_taken += [words.told(problem, None) for problem in joined.unjoined]
    for problem in joined.warnings:
        patient = problem.patient and (tables.join.key(problem.patient) or problem.patient)
        outcome.warnings.append(words.told(problem, pseudonyms.of(patient) if patient else None))
    outcome.images_only = sorted(pseudonyms.of(key) for key in joined.images_only)
    outcome.tables_only = len(joined.tables_only & set(names))
    outcome.exposed = dict(found.exposed)
    outcome.burned_in = [words.clean(sentence) for sentence in found.burned_in]
    used = [examination for (key, _), examination in joined.examinations.items() if key in names]
    outcome.taken = _counted(words.clean(sentence) for one in used for sentence in one.taken)
    outcome.left = _counted(words.clean(sentence) for one in used for sentence in one.left)
    outcome.done = _counted(done)
    outcome.notes = [words.clean(note) for note in tables.notes]


def _counted(sentences: Iterable[str]) -> dict[str, int]:
    return dict(Counter(sentences).most_common())
