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
    "FC904": Entry(
        "Run not approved",
        "The site's policy asks a person before the site takes part, and nobody has said yes in time.",
        "At the site: `fedchemo client approve` lists what waits and says how to approve it. Then start the run again.",
    ),
    "FC905": Entry(
        "Run denied",
        "A person at the site has said no to this run, or its policy says no to every run.",
        "Ask the site's data officer; the coordinator cannot overrule it, and the run goes on with the other sites.",
    ),
    "FC906": Entry(
        "Site does not let images be used",
        "The run looks at images and the site's policy does not allow it.",
        "Go on without the site, or ask its data officer to set images = true.",
    ),
    "FC907": Entry(
        "Site does not let the treatment arm be used",
        "The run uses the treatment arm and the site's policy does not allow it.",
        "Go on without the site, leave the arms out, or ask its data officer to set arm = true.",
    ),
    "FC908": Entry(
        "Outside the site's hours",
        "The site's policy names the hours in which it answers.",
        "Run at other hours, or ask the site's data officer.",
    ),
    "FC909": Entry(
        "Site asks for protection that the run lacks",
        "The site's policy requires secure aggregation or noise, and this release has neither.",
        "Go on without the site.",
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
    "FC912": Entry(
        "Model larger than the site allows",
        "The model has more weights than the site's policy allows.",
        "Use a smaller model, or ask the site to raise largest_model_parameters.",
    ),
    "FC913": Entry(
        "Update of too few patients",
        "Trained as the run asks, the update would be that of fewer patients than the site's policy demands.",
        "Train whole epochs or more steps, with larger batches (plain SGD: at least the site's training_patients), "
        "learning rate x (weight decay + proximal mu) of 0.1 at most, and clip_norm 0 or from 0.01 on.",
    ),
    "FC914": Entry(
        "Clinical sums of too few patients",
        "At these coefficients the sums are those of a few patients, or the run asked for more steps than a fit takes.",
        "An honest fit never comes there: look for a mistake in the clinical model's fit, or begin a new run.",
    ),
    "FC915": Entry(
        "Statistics that cannot be",
        "The run's statistics are not those that it began with, or no patients can have them.",
        "Begin the run anew; if it has begun many times with other sites, give it another name.",
    ),
    "FC916": Entry(
        "Batch larger than the site allows",
        "The images of a batch would take more memory than the site's policy allows.",
        "Use a smaller batch or grid, or ask the site to raise largest_batch_gb.",
    ),
    "FC919": Entry(
        "End of a run that is not known",
        "The site was told that a run has ended of which it has been asked nothing since it started, or that is over "
        "already.",
        "Nothing to do for a site that came late or was started again at the end of the run.",
    ),
    "FC920": Entry(
        "Policy cannot be used",
        "policy.toml has a key that is not known or a value that is not allowed, or is not TOML.",
        "Mend what is listed; `fedchemo client policy check` says whether it is right.",
    ),
    "FC921": Entry(
        "Policy can be changed by others",
        "The file's mode lets other users of this machine write to it.",
        "chmod go-w the file, after a look at what it says.",
    ),
    "FC922": Entry(
        "No such run",
        "No run that was asked for at this site has this name or number, or several have.",
        "`fedchemo client approve` without a run lists them.",
    ),
    "FC923": Entry(
        "Which state folder",
        "There is no state folder at the usual place, or there are several.",
        "Name it with --state, or name the kit with --kit.",
    ),
    "FC924": Entry(
        "Approvals cannot be used",
        "The file of approvals in the state folder is damaged or cannot be written.",
        "Remove approvals.json: every run is then asked for again.",
    ),
    "FC721": Entry(
        "Too many models scored on test patients",
        "A run had more models scored on this site's test patients than an honest one does, or very many runs had the "
        "same name, purpose and settings.",
        "Give another run another name; a hospital can restart its client.",
    ),
    "FC990": Entry(
        "Failure inside a site",
        "The site's software failed; details are in the site's own log only.",
        "Ask the site's engineer to read the log; the run goes on with the other sites.",
    ),
}
