"""What a series shows, by its description and by its tags.

Descriptions name what somebody meant, tags what the scanner did; a series is left where either says that it is no
T1-weighted image of a dynamic examination.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fedchemo.client.importing.dicom.header import SEGMENTATION

Kind = Literal["dynamic", "possible", "ratio", "segmentation", "mask", "left"]
Hint = Literal["pre", "post", ""]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may look at.

    ``kinds`` are the values of ImageType, from the third on, that all images share; the rest are attributes of DICOM.
    """

    modality: str = "MR"
    sop_class: str = ""
    description: str = ""
    kinds: frozenset[str] = frozenset()
    scanning_sequence: str = ""
    acquisition_type: str = ""
    diffusion: bool = False
    agent: bool = False
    echo_ms: float | None = None
    samples: int = 1
    temporal_positions: int | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """What a series is to an examination.

    Attributes:
        kind: ``dynamic`` is a candidate; ``possible`` one that nothing speaks against but its name does not speak for;
            ``ratio`` the signal enhancement ratio, to which an I-SPY2 mask belongs; ``mask`` such a mask;
            ``segmentation`` any other; ``left`` the rest.
        what: in words, without anything of the description.
        hint: whether its name says before or after the contrast agent.
        prepared: I-SPY2's ``original DCE``, all phases in one series and cut to the breast.
    """

    kind: Kind
    what: str
    hint: Hint = ""
    prepared: bool = False


# Searched in the description in lower case with every run of other characters made one space. The first that fits
# decides. From 617 descriptions of I-SPY2's collections, and the names that vendors give.
_DERIVED: tuple[tuple[str, str], ...] = (
    (r"\b(adc|e?dwi|dti|diff\w*|ep2d|trace\w*|multi b|b ?vals?|b [01] ?\d{2,3}|b\d{2,4})\b",
     "diffusion-weighted images"),
    (r"\bpe ?\d?\b|\bpercent(age)? enh|\bwash ?(in|out)\b|\b(iauc|auc|ttp|ktrans|kep|mtt|perf\w*|slope)\b",
     "a map computed from a dynamic series"),
    (r"\bsub(s|tr\w*|traction\w*)?\b|\b(post|ph) ?\d? ?minus\b", "a subtraction"),
    (r"\b(t?mips?|mpr|mpvr|projection\w*|reformat\w*|rfmt|3d vr|vrt|collapse)\b",
     "a projection or a reformatted volume"),
    (r"\b(\d ?-?pl(ane)?s?|loc|localis\w*|localiz\w*|locator|scouts?|survey\w*|topo\w*|3pl|aahscout)\b",
     "a localiser"),
    (r"\b(field ?map)\b|\bfieldmap", "a field map"),
    (r"(?<![a-z])s?t2|\b(stir\w*|tirm|flair|haste|ssfse|fse|tse|blade|propeller|vista|faststir)\b|\b(ir|irfse)\b",
     "T2-weighted or inversion-recovery images"),
    (r"\b(calib\w*|cal|asset cal|senseref\w*|ref ?scan|coil|prescan|b1 ?map|shim)\b(?!.*\bdyn)", "a calibration"),
    (r"^(ispy2 )?(fat|ip|op|in ?phase|out ?phase|opp\w*) (?!sat)|\b(opp|in|f) *$", "one part of a Dixon series"),
    (r"\b(spectro\w*|mrs|svs|csi|press)\b", "spectroscopy"),
    (r"\b(regist\w*|resampl\w*|aligned|moco|motion corr\w*|dont send|do not send)\b",
     "a volume changed after it was acquired"),
    (r"\b(cad\w*|dynacad|colou?r)\b|\bcolou?r", "a picture of a report"),
    (r"\btest\b", "a test"),
)  # fmt: skip
# GE names what it computed after the images: ``(16588/6/1..108)-(16588/6/109..216)``. A phase added to itself is still
# that phase, and in a few studies of I-SPY2 the only one that was kept.
_COMBINED = re.compile(r"(\(\d+/\d+/[\d.]+\))\s*(?!\+\s*\1)[-+*]\s*\(")
_PREPARED = re.compile(r"volser.*\boriginal dce\b|^original dce$")
_RATIO = re.compile(r"\bser\b")
_MASK = re.compile(r"\banalysis mask\b")
_ANY_MASK = re.compile(r"\bmask\b")
_DYNAMIC = re.compile(
    r"dyn|\bdce|vibrant|vibe|thrive|\bviews\b|fl3d|t1 ?3d|t13d|flash|spgr|\d?d?fgre|lava|twist|disco|tricks|tfe\b"
    r"|quick ?3d|multi ?phase|\bmph?\b|\bph ?\d|\bpre\b|\bpost|contrast|\bgad|\bgd\b|\bgado\w*|\bomni|\+c\b|\+ ?gd|\bt1"
)
_PRE = re.compile(
    r"(?<![a-z])pre(?![a-z])|\b(precontrast|nativ\w*|unenhanced|non ?contrast|without contrast|ohne km|vor km)\b"
    r"|\bph ?0\b|\bdynamic mask\b"
)
_POST = re.compile(r"(?<![a-z])post(?![a-z])|\bpostcontrast\b|(?<!no )\bdelay(ed)?\b|\b(nach|mit) km\b")

# Values of ImageType (PS3.3 C.8.3.1.1.1 and vendors' own).
_TYPES: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"LOCALIZER"}), "a localiser"),
    (frozenset({"SUBTRACTION", "SUBTRACT", "SUB"}), "a subtraction"),
    (frozenset({"MIP", "PROJECTION IMAGE", "MAX_IP", "MIN_IP", "MPR", "REFORMATTED", "MPR3D", "VOLREN"}),
     "a projection or a reformatted volume"),
    (frozenset({"ADC", "DIFFUSION", "TRACEW", "FA", "EADC"}), "diffusion-weighted images"),
    (frozenset({"P", "PHASE", "PHASE MAP", "PHASEMAP", "R", "I", "REAL", "IMAGINARY", "VELOCITY"}),
     "phase, real or imaginary images"),
    (frozenset({"FAT", "IN_PHASE", "IP", "OPP_PHASE", "OP", "OUT_PHASE", "FIELD_MAP"}), "one part of a Dixon series"),
    (frozenset({"PERFUSION", "TTP", "MTT", "KTRANS", "T1 MAP", "T2 MAP", "B0 MAP", "B1 MAP"}),
     "a map computed from a dynamic series"),
    (frozenset({"SCREEN SAVE", "SCREENSHOT"}), "a picture of a screen"),
)  # fmt: skip
# T1-weighted gradient echoes have a few ms, T2-weighted ones from 60; in-phase spin echoes lie between.
_LONG_ECHO_MS = 30.0
TELLING = frozenset({"W", "WATER"}).union(*(values for values, _ in _TYPES))
"""Values of ImageType that tell images of one place and moment apart."""
_IMAGES = ("1.2.840.10008.5.1.4.1.1.4",)


def normalised(description: str) -> str:
    """Return a description in lower case, with one space between words."""
    return re.sub(r"[^a-z0-9+]+", " ", description.lower()).strip()


def role(facts: Facts) -> Role:
    """Return what a series is to an examination."""
    words = normalised(facts.description)
    if facts.modality == "SEG" or facts.sop_class == SEGMENTATION:
        if _MASK.search(words):
            return Role("mask", "the mask of the functional tumour volume")
        if re.search(_DERIVED[0][0], words):
            return Role("left", "a segmentation drawn on diffusion-weighted images")
        return Role("segmentation", "a segmentation")
    if facts.modality != "MR":
        return Role("left", f"no MR image (modality {_modality(facts.modality)})")
    if facts.sop_class and not facts.sop_class.startswith(_IMAGES):
        return Role("left", "no MR image, though its modality is MR")
    if _PREPARED.search(words):
        return Role("dynamic", "I-SPY2's original DCE", prepared=True)
    if _RATIO.search(words):
        return Role("ratio", "a map of the signal enhancement ratio")
    return _by_tags(facts) or _by_name(facts, words)


def _modality(written: str) -> str:
    """Return a modality if it is one: a code string may hold anything."""
    return written if written in _MODALITIES else "unknown"


_MODALITY_NAMES = """
    AR AU BDUS BI BMD CR CT CTPROTOCOL DG DOC DX ECG EPS ES FID GM HC HD IO IOL IVOCT IVUS KER KO LEN LS MG NM OAM OCT
    OP OPM OPT OPTBSV OPTENF OPV OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTPLAN RTRECORD RTSTRUCT RWV
    SC SM SMR SR SRF STAIN TG US VA XA XC
"""
_MODALITIES = frozenset(_MODALITY_NAMES.split())


def unwanted(values: frozenset[str]) -> str:
    """Return what values of ImageType say that an image shows, if that is no T1-weighted anatomy; else nothing."""
    return next((what for kinds, what in _TYPES if values & kinds), "")


def _by_tags(facts: Facts) -> Role | None:
    if facts.samples > 1:
        return Role("left", "a picture in colour")
    if what := unwanted(facts.kinds):
        return Role("left", what)
    if facts.diffusion:
        return Role("left", "diffusion-weighted images")
    if facts.echo_ms is not None and facts.echo_ms > _LONG_ECHO_MS:
        return Role("left", "T2-weighted or inversion-recovery images")
    sequences = set(facts.scanning_sequence.split("\\"))
    if sequences & {"SE", "IR"} and "GR" not in sequences:
        return Role("left", "spin-echo images")
    return None


def _by_name(facts: Facts, words: str) -> Role:
    if _COMBINED.search(facts.description):
        return Role("left", "images computed from other series")
    for pattern, what in _DERIVED:
        if re.search(pattern, words):
            return Role("left", what)
    hint = _hint(words)
    if _ANY_MASK.search(words) and "dynamic" not in words:
        return Role("left", "a mask drawn as an image")
    if _DYNAMIC.search(words) or facts.agent or (facts.temporal_positions or 1) > 1:
        return Role("dynamic", "a T1-weighted series", hint=hint)
    return Role("possible", "a series whose name tells nothing", hint=hint)


def _hint(words: str) -> Hint:
    before, after = bool(_PRE.search(words)), bool(_POST.search(words))
    if before == after:
        return ""
    return "pre" if before else "post"
