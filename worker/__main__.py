"""`python -m worker`: the same as `hygiene`, where no script is on the path."""

from worker.cli import main

main(prog_name="hygiene")
