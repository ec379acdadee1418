"""The `hygiene` command, also as `python -m worker` where no script is on the path."""

from __future__ import annotations

from config import stopping


def main() -> None:
    """Load and run the command line. A signal while it loads ends it with one line."""
    stopping.before_anything_is_begun()
    from worker.cli.main import main as hygiene

    hygiene(prog_name="hygiene")


if __name__ == "__main__":
    main()
