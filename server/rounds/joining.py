"""Sites that come to a run that has begun: each gets its role by an exchange of its own, and trains from then on.

The federated statistics and the clinical model were fixed with the run's fingerprint when it began. A newcomer's sums
are therefore not added to them: its patients count from the first round that it trains in.
"""

from __future__ import annotations

from dataclasses import replace

from fedchemo.server.rounds.exchange import Exchanges
from fedchemo.server.rounds.opening import Opening, ask_roles
from fedchemo.server.rounds.terms import Terms

WELCOME_S = 30.0
"""Longest that a round is kept waiting for newcomers. Who must first prepare images or ask a person answers late, and
is asked again then."""
LONGEST_PAUSE = 16
"""Most rounds between two questions to a site that refuses or says nothing."""


class Newcomers:
    """Asks sites that have no role yet for it.

    Args:
        exchanges: the run's.
        terms: of every request.
    """

    def __init__(self, exchanges: Exchanges, terms: Terms) -> None:
        self._exchanges = replace(
            exchanges, quorum=0, deadline_s=min(WELCOME_S, exchanges.deadline_s), patience=None
        )
        self._terms = terms
        # By site: the round in which to ask it again, and the rounds to wait after that.
        self._again: dict[str, int] = {}
        self._pauses: dict[str, int] = {}
        self._silent: set[str] = set()

    def welcome(self, number: int, opening: Opening) -> Opening:
        """Ask the newcomers that are online at the beginning of a round; return the opening with those who answered."""
        self._exchanges.look_for_late()
        asked = sorted(site for site in self._exchanges.grid.sites() if self._is_due(site, number, opening))
        if not asked:
            return opening
        replies = ask_roles(self._exchanges, self._terms, asked, round_number=number)
        for site in asked:
            if site in replies:
                self._exchanges.events.emit("site_joined", site=site, round=number, role=replies[site].role)
                continue
            pause = self._pauses.get(site, 1)
            self._again[site], self._pauses[site] = number + pause, min(2 * pause, LONGEST_PAUSE)
            if self._exchanges.unanswered.owes(site):
                self._silent.add(site)
        return opening.joined_by(replies)

    def _is_due(self, site: str, number: int, opening: Opening) -> bool:
        if site in opening.roles:
            return False
        if site in self._silent and not self._exchanges.unanswered.owes(site):
            self._silent.discard(site)  # its answer has come late: the next one will not
            return True
        return number >= self._again.get(site, 0)
