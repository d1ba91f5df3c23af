"""Map the rooms at the top of the tree to ``fedchemo.*``; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

ROOMS = ("shared", "client", "server", "deploy", "simulations")
found = find_packages(include=[*ROOMS, *(f"{room}.*" for room in ROOMS)])
setup(
    packages=[f"fedchemo.{name}" for name in found],
    package_dir={f"fedchemo.{room}": room for room in ROOMS},
)
