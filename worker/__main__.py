"""The `hygiene` command, also as `python -m worker` where no script is on the path."""

from __future__ import annotations

from config import stopping


def main() -> None:
    """Load the command line, and be stopped by a signal in a line also while that is going on."""
    stopping.before_anything_is_begun()
    from worker.cli import main as hygiene

    hygiene(prog_name="hygiene")


if __name__ == "__main__":
    main()
