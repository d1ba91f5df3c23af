"""Errors FC9xx: a hospital's refusal."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC901": Entry(
        "Too few patients",
        "This site has fewer patients than its policy demands before anything may leave.",
        "Nothing to do at the coordinator; the site takes part in evaluation only.",
    ),
    "FC902": Entry(
        "Outbound gate refused",
        "A reply held something that the allow-list does not name, or a value that is not finite.",
        "Report it: the site's software tried to send more than it may.",
    ),
    "FC903": Entry(
        "Request refused by the site's policy",
        "The site's policy does not allow what the coordinator asks.",
        "Ask the site's data officer; the coordinator cannot overrule the policy.",
    ),
    "FC910": Entry(
        "State folder in use",
        "Another client of this site runs on this machine.",
        "Stop the other client, or give this one a --state folder of its own.",
    ),
    "FC911": Entry(
        "Kit of another site",
        "The site folder's name is not the name in the kit.",
        "Name the folder that belongs to the kit; `name` in site.toml must be the kit's site.",
    ),
    "FC990": Entry(
        "Failure inside a site",
        "The site's software failed; details are in the site's own log only.",
        "Ask the site's engineer to read the log; the run goes on with the other sites.",
    ),
}
