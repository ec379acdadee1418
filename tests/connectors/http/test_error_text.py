"""What is made of an error's page, whatever stands in it."""

from __future__ import annotations

import pytest

from connectors.http.error_text import LONGEST, plain


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["<title>", "<title", "<script ", "<style>", "<", "<a", "&amp;"])
def test_a_page_of_megabytes_of_broken_tags_is_read_in_one_pass(unit: str) -> None:
    """Each was looked for to the end of the page, once for each time that it stood there."""
    assert len(plain(unit * 400_000)) <= LONGEST


def test_a_script_that_is_not_closed_says_nothing() -> None:
    assert plain("<p>Sorry</p><script>var a = 1") == "Sorry"
