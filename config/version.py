"""The product's version, as written in pyproject.toml. It is written nowhere else."""

from __future__ import annotations

PACKAGE = "phone-hygiene"  # the distribution's name, in pyproject.toml


def product_version() -> str:
    """Return the installed version, such as `0.1.0`.

    A platform that installs only the dependencies (Heroku) runs the checkout in place; then the
    version comes from the checkout's pyproject.toml.
    """
    from importlib import metadata  # takes longer to load than most commands' help

    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        import tomllib
        from pathlib import Path

        text = (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])
