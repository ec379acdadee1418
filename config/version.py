"""The product's version, as pyproject.toml has it. It stands nowhere else."""

from __future__ import annotations

PACKAGE = "phone-hygiene"  # the distribution's name, in pyproject.toml


def product_version() -> str:
    """The version that was installed, such as `0.1.0`."""
    from importlib.metadata import version  # takes longer to load than most commands' help

    return version(PACKAGE)
