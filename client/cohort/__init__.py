"""Reads a site folder: every problem in one pass."""

from fedchemo.client.cohort.cohort import Cohort
from fedchemo.client.cohort.problems import Problem, SiteProblems
from fedchemo.client.cohort.reader import Reading, examine_site, read_site

__all__ = ["Cohort", "Problem", "Reading", "SiteProblems", "examine_site", "read_site"]
