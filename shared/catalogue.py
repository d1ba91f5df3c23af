"""Every error a user may see: its code, the likely cause and what to do. One table, read by people too.

Ranges: 0 commands and files, 1 site folders, 2 images, 3 configuration, model and wire, 4 rounds and run
folders, 5 kits and certificates, 6 network, 7 data sets and simulation, 8 evaluation, 9 a hospital's refusal.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One row of the catalogue."""

    title: str
    cause: str
    remedy: str


CATALOGUE: dict[str, Entry] = {
    # 0: commands and files
    "FC001": Entry(
        "Wrong use of a command",
        "An option is unknown, missing, or does not fit another one.",
        "Read the command's --help; the message names the option.",
    ),
    "FC002": Entry(
        "File or folder not found",
        "The path is misspelt, or the disk or share that holds it is not mounted.",
        "Check the path named in the message; relative paths start at the current folder.",
    ),
    "FC003": Entry(
        "Output exists already",
        "A folder or file of that name is there and would be overwritten.",
        "Choose another --out, remove it, or pass --overwrite where the command offers it.",
    ),
    "FC004": Entry(
        "File cannot be read or written",
        "The disk is full or read-only, or the user lacks the permission.",
        "Free space or fix the permission of the path named in the message, then run the command again.",
    ),
    "FC005": Entry(
        "Unknown error code",
        "The catalogue of this version holds no such code.",
        "Check the spelling; `fedchemo explain-error --all` lists every code.",
    ),
    "FC099": Entry(
        "Internal error",
        "fedchemo met a condition its authors did not foresee.",
        "Run the command again with FEDCHEMO_DEBUG=1 to see the traceback, and report it without patient data.",
    ),
    # 1: site folders
    "FC101": Entry(
        "Site folder not usable",
        "Something in the folder contradicts the description of a site folder; every problem is listed.",
        "Correct what is listed, from the first on, and run the command again.",
    ),
    "FC102": Entry(
        "Not a site folder",
        "The path is misspelt, names the folder above, or site.toml was never written.",
        "Name the folder that holds site.toml and clinical.csv.",
    ),
    "FC103": Entry(
        "site.toml not valid",
        "A key is absent, unknown or of the wrong type, or the file is not TOML.",
        'Write name = "..." and dataset = "...", and notes = "..." if you like.',
    ),
    "FC104": Entry(
        "Table cannot be read",
        "The file is absent, empty, not UTF-8, not separated by commas, or a row is broken.",
        "Save it as 'CSV UTF-8 (comma delimited)' with one header row.",
    ),
    "FC105": Entry(
        "Column absent, misspelt or there twice",
        "The header differs from the names that a site folder's tables have.",
        "Correct the header named in the message.",
    ),
    "FC106": Entry(
        "Patient identifier not valid",
        "It is empty, or holds a character that cannot be part of a folder's name.",
        "Use letters, digits, '.', '_' and '-'; the same name in every table and in images/.",
    ),
    "FC107": Entry(
        "Patient occurs twice",
        "Two exports were appended, or a patient has a row a tumour or a visit.",
        "Keep one row a patient; visits belong into visits.csv.",
    ),
    "FC108": Entry(
        "Value not valid",
        "The cell holds a word or code where a number, 0/1 or one of few words is expected.",
        "Write the value as the message says; leave the cell empty if the value is missing.",
    ),
    "FC109": Entry(
        "Value out of range",
        "A unit is wrong (mm3 for cm3, months for years), or a missing value was written as a number.",
        "Correct the value; leave the cell empty if it is missing.",
    ),
    "FC110": Entry(
        "Splits given for some patients only",
        "The column split is filled for some patients whose pcr is known and empty for others.",
        "Fill it for all of them, or empty it for all to have them cut 70/15/15.",
    ),
    "FC111": Entry(
        "Visit not valid",
        "A row of visits.csv lacks its patient or visit, or repeats one.",
        "Keep one row a patient and visit.",
    ),
    "FC112": Entry(
        "No patient has an outcome",
        "The column pcr is absent or empty for everyone.",
        "Fill pcr where it is known; without it the site can only predict.",
    ),
    "FC113": Entry(
        "Unknown patient",
        "A folder of images/ or a row of visits.csv names somebody who is not in clinical.csv.",
        "Correct the name, or add the patient to clinical.csv.",
    ),
    "FC114": Entry(
        "Images of a visit incomplete",
        "A phase is missing, or a folder is not named T0 to T3; the patient takes part without that image.",
        "Add pre.nii.gz, early.nii.gz and late.nii.gz, or correct the folder's name.",
    ),
    "FC115": Entry(
        "Column ignored",
        "The table has a column that is not part of a site folder.",
        "Nothing to do, unless a known column was meant.",
    ),
    # 2: images
    "FC201": Entry(
        "Phase missing",
        "The visit's folder lacks one of pre.nii.gz, early.nii.gz and late.nii.gz.",
        "Add the file named in the message; the patient takes part without an image until then.",
    ),
    "FC202": Entry(
        "Image file damaged",
        "The file is truncated, fails its checksum, changed while it was read, or is no gzipped NIfTI-1 or -2.",
        "Export or copy the file anew; `gzip -t FILE` tells whether it is whole.",
    ),
    "FC203": Entry(
        "Image is not a volume",
        "The file has not three axes of at least two voxels, is far too large, or holds no plain numbers.",
        "Export one volume a phase, with integers or real numbers as voxels.",
    ),
    "FC204": Entry(
        "Image geometry makes no sense",
        "The spacing is outside 0.05 to 30 mm, or the axes are sheared; often a header in metres or micrometres.",
        "Correct the NIfTI header (sform, qform, pixdim) so that it is in millimetres, or convert from DICOM anew.",
    ),
    "FC205": Entry(
        "Phases do not lie on one grid",
        "Two files of a visit differ in shape or in their place in space.",
        "Take all phases from one series, or resample them onto the pre-contrast volume first.",
    ),
    "FC206": Entry(
        "Image value not finite",
        "A voxel is NaN or infinite, as some registration tools write outside their field of view.",
        "Replace such voxels by 0, or export the volume anew.",
    ),
    "FC207": Entry(
        "Image is constant",
        "Every voxel of a phase has the same value: an empty export.",
        "Export the phase named in the message anew.",
    ),
    "FC208": Entry(
        "No enhancement found",
        "Without a lesion mask the crop is centred on enhancement, and the early phase is nowhere brighter than pre.",
        "Check that the phases are not swapped or copies of one another, or add lesion.nii.gz.",
    ),
    "FC209": Entry(
        "Lesion mask empty",
        "No voxel of lesion.nii.gz is above zero.",
        "Correct the mask, or remove it: the crop is then centred on enhancement.",
    ),
    "FC210": Entry(
        "Prepared image not usable",
        "A file of the image cache was removed or damaged after it was prepared.",
        "Start again: images that are missing or damaged are prepared anew.",
    ),
    # 3: configuration, model and wire
    "FC301": Entry(
        "Configuration not valid",
        "A setting is unknown, of the wrong type, or out of its range.",
        "Correct the settings named in the message; ranges stand in shared/configuration.py.",
    ),
    "FC302": Entry(
        "Fingerprints differ",
        "The coordinator and this site would build different models, image tensors or clinical encodings.",
        "Install the same fedchemo release on both sides, or use the model with the configuration it was trained with.",
    ),
    "FC303": Entry(
        "Protocol versions differ",
        "The coordinator and this site run releases of fedchemo that do not speak the same protocol.",
        "Upgrade the older side; the message names both versions.",
    ),
    "FC304": Entry(
        "Message not understood",
        "A message carries an unknown key, a value out of range, or lacks a key.",
        "Check that both sides run the same release; if they do, treat the sender as faulty.",
    ),
    "FC305": Entry(
        "Weights not usable",
        "The weights have the wrong length or type, or hold a value that is not finite.",
        "Lower the learning rate if training diverged; otherwise treat the sender as faulty.",
    ),
    "FC306": Entry(
        "Model file not usable",
        "The file is damaged, incomplete, or was written by another version.",
        "Name a run folder that holds model.safetensors and model.json, or copy them anew.",
    ),
    "FC310": Entry(
        "Device not available",
        "The device asked for is not on this machine or its driver does not work.",
        "Use --device auto or cpu, or fix the driver; the message holds the reason.",
    ),
    "FC320": Entry(
        "Training diverged",
        "A loss or gradient is not finite: the learning rate is too high, or a value is far out of range.",
        "Lower training.learning_rate or training.clip_norm; the site has sent nothing for this round.",
    ),
    "FC321": Entry(
        "Device out of memory",
        "The device cannot hold a batch, or other programs take its memory.",
        "Lower training.batch_size, imaging.grid or model.widths, free the device, or use --device cpu.",
    ),
    # 4: rounds and run folders
    "FC401": Entry(
        "Quorum not reached",
        "Fewer sites answered than the run requires before its deadline.",
        "See in events.jsonl which sites were missing and why; bring them back or lower --quorum.",
    ),
    "FC402": Entry(
        "No site can train",
        "Every site refused, or has fewer patients than its minimum.",
        "See the refusals listed in the message; add sites or patients.",
    ),
    "FC403": Entry(
        "Sum out of range",
        "A weight times the number of patients is too large for the exact accumulator: training has diverged.",
        "Lower the learning rate or clip updates.",
    ),
    "FC404": Entry(
        "Run folder not usable",
        "The folder holds no run, or its files are damaged.",
        "Name the folder given as --out to `fedchemo simulate` or `fedchemo server start`.",
    ),
    # 5: kits and certificates
    "FC501": Entry(
        "Kit not usable",
        "The file is not a kit, was cut off or changed on its way, or parts of two kits were mixed.",
        "Ask the coordinator for the kit again and copy it as a file, not as text in a mail.",
    ),
    "FC502": Entry(
        "Kit out of date",
        "The kit's dates have passed or have not begun, or this machine's clock is wrong.",
        "Check the clock; else ask the coordinator for a new kit.",
    ),
    "FC503": Entry(
        "Not a federation folder",
        "The folder was not made by `fedchemo provision`, or files in it are missing or damaged.",
        "Name the folder given as --out to `fedchemo provision`, or restore it from a backup.",
    ),
    "FC504": Entry(
        "Server certificate not usable",
        "The coordinator's certificate or key is missing, damaged, out of date, or not from this federation.",
        "Restore the folder server/ of the federation, or issue a new server certificate.",
    ),
    "FC505": Entry(
        "Federation cannot be provisioned as asked",
        "A name, host or number is not allowed, or is given twice.",
        "Correct what the message lists. Names take letters, digits, '.', '_' and '-', at most 64.",
    ),
    "FC506": Entry(
        "Format of another release",
        "The kit or the federation folder was written by a release of fedchemo with another file format.",
        "Install the release that wrote it, or provision the federation anew.",
    ),
    # 6: network
    "FC601": Entry(
        "Coordinator cannot be reached",
        "The coordinator is not running, or a firewall, proxy or wrong address lies between.",
        "Ask whether the coordinator runs; check that this machine may open the address in the message.",
    ),
    "FC602": Entry(
        "Port cannot be opened",
        "Another process listens on the port, or the address is not one of this machine's.",
        "Stop the other process, or choose another address or port.",
    ),
    "FC603": Entry(
        "Coordinator is not from this federation",
        "Its certificate was not issued by the authority in the kit: a kit of another federation, a server "
        "set up anew, or someone between.",
        "Check that the kit belongs to this federation; ask the coordinator for a new one. Do not go around this.",
    ),
    "FC604": Entry(
        "Coordinator's certificate out of date",
        "The certificate has expired or is not valid yet, or this machine's clock is wrong.",
        "Check the clock; else ask the coordinator to renew its certificate.",
    ),
    "FC605": Entry(
        "Coordinator's certificate is for another name",
        "The host in the kit is not among the names in the certificate.",
        "Ask the coordinator to provision with every --host under which it can be reached.",
    ),
    "FC606": Entry(
        "Site not in the roster",
        "The coordinator does not know the key in this kit: it was replaced or revoked, or the kit is old.",
        "Ask the coordinator for the current kit.",
    ),
    "FC607": Entry(
        "Kit in use",
        "Another process is connected with the same kit, here or on another machine.",
        "Stop the other one. After a crash, wait half a minute.",
    ),
    "FC608": Entry(
        "Not a coordinator",
        "Something else answers at that address: a server without TLS, a proxy, or another service.",
        "Check host and port, and that no proxy rewrites the connection.",
    ),
    "FC609": Entry(
        "Flower versions differ",
        "The coordinator and this site run releases of flwr that do not speak the same protocol.",
        "Install fedchemo with its requirements.lock on both sides.",
    ),
    "FC610": Entry(
        "Clocks differ",
        "Requests are signed with the time; this machine's clock may be 5 seconds ahead or 5 minutes behind.",
        "Synchronise the clock (NTP) on both sides.",
    ),
    "FC611": Entry(
        "Site lost",
        "The site has not been heard of for too long: it crashed, was stopped or lost its connection.",
        "Nothing to do at the coordinator: the round went on without it, and it may come back.",
    ),
    "FC612": Entry(
        "Reply not readable",
        "What the site sent is not a message of Flower.",
        "Check the site's release; if it is right, treat the site as faulty.",
    ),
    "FC613": Entry(
        "Coordinator refused a request",
        "The coordinator answered with an error that this release does not know.",
        "See the coordinator's log at that time.",
    ),
    # 7: data sets and simulation
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
    # 8: evaluation
    "FC801": Entry(
        "Predictions not usable",
        "The model returned something that is no probability, as one does whose training diverged.",
        "Use an earlier checkpoint, or train again with a lower learning rate.",
    ),
    "FC802": Entry(
        "Outcomes not usable",
        "There is not one outcome of 0 or 1 for each prediction.",
        "Correct the column pcr of clinical.csv: 0, 1, or empty where it is not known.",
    ),
    "FC803": Entry(
        "No patient to evaluate on",
        "The site folder holds no patient with a known outcome in the split that was asked for.",
        "Choose another --split, or fill in the column pcr of clinical.csv.",
    ),
    "FC405": Entry(
        "Site silent",
        "The site did not answer before the exchange ended: it is slow, hung, or cut off.",
        "Ask the site's engineer; raise --deadline if its training takes longer. The run goes on without it.",
    ),
    # 9: a hospital's refusal
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
