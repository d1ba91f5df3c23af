"""Errors FC7xx: data sets and simulation."""

from __future__ import annotations

from fedchemo.shared.catalogue.entry import Entry

ENTRIES = {
    "FC701": Entry(
        "Site name occurs twice",
        "Two site folders name the same site.",
        "Give each its own name in site.toml, or leave one folder out.",
    ),
    "FC702": Entry(
        "Table of a data set not found",
        "The folder holds no file with the name of that table, or several.",
        "Name the folder into which the data set was downloaded, and keep one release of each table in it.",
    ),
    "FC703": Entry(
        "Table of a data set not usable",
        "A column is absent, a cell holds what its publisher does not describe, or a patient occurs twice.",
        "Download the table again; if it is as published, report the message.",
    ),
    "FC704": Entry(
        "Sources contradict each other",
        "Two tables of a data set say different things about the same patient.",
        "Correct or remove one of the tables; the message names patient, variable and both values.",
    ),
    "FC710": Entry(
        "Partition not possible",
        "There are fewer patients than sites, or the data set does not say what to divide by.",
        "Choose another --partition, fewer --sites, or add the table that names the sites.",
    ),
    "FC711": Entry(
        "Assignment of patients not valid",
        "A patient is in two sites or not in the data set, or a site has no patient or an unusable name.",
        "Correct the assignment; `partition` makes valid ones.",
    ),
    "FC720": Entry(
        "No calibration kept with the model",
        "Too few validation scores left the hospitals (metrics withheld, or fewer than five of a class everywhere), "
        "the model ranks the wrong way round, or it was trained by an earlier release.",
        "Leave --calibration out, or take a model of a run in which validation scores may leave.",
    ),
    "FC751": Entry(
        "No such synthetic cohort",
        "A number of patients, sites or voxels, or a share of images, is out of its range.",
        "Correct the value named in the message: at least as many patients as sites, a share between 0 and 1.",
    ),
    "FC760": Entry(
        "Ray is not installed",
        "The engine `ray` needs a package that fedchemo does not install by itself.",
        "Run `pip install fedchemo[ray]`, or use the engine `local`.",
    ),
    "FC761": Entry(
        "Flower's simulation engine failed",
        "Ray could not start, or an actor died, often for want of memory, shared memory or GPUs.",
        "Use fewer --workers or the engine `local`; Ray's own logs lie in /tmp/ray/session_latest/logs.",
    ),
    "FC765": Entry(
        "Benchmark not possible",
        "A process that is measured did not start or did not answer, or the name of a part is not known.",
        "See the text beside this code; parts are named by --help.",
    ),
    "FC770": Entry(
        "Runs of a study failed",
        "The settings of a run suit none of its hospitals, or a disk is full; the other runs are done and kept.",
        "See the text beside this code, mend the study and start it again: it goes on where it was.",
    ),
    "FC780": Entry(
        "File of a run or study damaged",
        "A summary, a table of predictions or an event was changed by hand, or a disk failed.",
        "Restore the folder from a copy, or run it again.",
    ),
    "FC781": Entry(
        "Neither a run nor a study",
        "The folder holds no federation.toml and no study.toml.",
        "Name the folder that was given to --out.",
    ),
}
