// A box that filters the rows of a table while one types; without scripts the whole table is there.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll("[data-filter]")) {
    const bar = box.closest("[data-filter-bar]");
    const rows = [...document.querySelectorAll(`[data-filtered="${box.dataset.filter}"] > tr`)];
    const count = bar.querySelector("[data-filter-count]");
    bar.hidden = false;
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      }
      const found = shown ? `${shown} of ${rows.length}` : "Nothing matches";
      count.textContent = words.length ? found : "";
    });
  }
});
