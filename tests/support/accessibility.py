"""Whether everybody can use a page, by axe's rules."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

CONTRAST = "color-contrast"
# What axe is to look at: faults only, since to name each element without one takes most of its time
_OPTIONS = {"preload": False, "resultTypes": ["violations"]}
# Of the elements with a text, one of each kind: the same tags and attributes on the way from the
# root, in the same column and in rows of one stripe, so that one style holds for all of the kind.
_CONTRAST_OF_EACH_KIND = """async () => {
  const kinds = new Map(), chosen = [];
  const own = (one) => {
    const skip = new Set(["id", "href", "for", "value", "name", "title", "datetime", "aria-label",
      "aria-labelledby", "aria-describedby", "aria-controls", "action", "content", "d", "points"]);
    const attributes = [...one.attributes].filter((it) => !skip.has(it.name));
    const texts = attributes.map((it) => it.name + "=" + it.value).sort().join(",");
    const row = one.tagName === "TR" ? one.rowIndex % 2 : "";
    return one.tagName + "{" + texts + "}" + row + (one.cellIndex ?? "");
  };
  const walk = (one, above) => {
    const kind = above + ">" + own(one);
    const texts = [...one.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
    if ((texts || one.matches("input, select, textarea")) && !kinds.has(kind)) {
      kinds.set(kind, one);
      chosen.push(one);
    }
    for (const child of one.children) walk(child, kind);
  };
  walk(document.body, "");
  if (!chosen.length) return {violations: []};
  return await axe.run(
    {include: chosen},
    {preload: false, resultTypes: ["violations"], runOnly: ["color-contrast"]},
  );
}"""


@cache
def _axe_script() -> str:
    from axe_playwright_python.base import AXE_FILE_PATH

    return Path(AXE_FILE_PATH).read_text(encoding="utf-8")


def inaccessible(page: Page) -> str:
    """Return what axe has to say against a page, once it is loaded, or ""."""
    page.wait_for_load_state()  # a click returns as soon as the next page begins to come
    if not page.evaluate("'axe' in window"):  # to read its script takes as long as to look
        page.evaluate(_axe_script())
    options = _OPTIONS | {"rules": {CONTRAST: {"enabled": False}}}
    return _report(page.evaluate("options => axe.run(document, options)", options)) + (
        too_little_contrast(page)
    )


def too_little_contrast(page: Page) -> str:
    """Return which texts of a page axe cannot read, or "". To be called after `inaccessible`."""
    return _report(page.evaluate(_CONTRAST_OF_EACH_KIND))


def _report(response: dict[str, Any]) -> str:
    from axe_playwright_python.base import AxeResults

    results = AxeResults(response)
    return str(results.generate_report()) if results.violations_count else ""
