// The viewer's choice of light or dark, applied before the page is drawn (this file blocks, so that
// nothing flashes). Without a choice the system's setting counts.
"use strict";
(() => {
  const KEY = "theme";
  const root = document.documentElement;

  function stored() {
    try {
      const value = localStorage.getItem(KEY);
      return value === "light" || value === "dark" ? value : "system";
    } catch { // the browser keeps nothing for this site
      return "system";
    }
  }

  function apply(theme) {
    if (theme === "system") delete root.dataset.scheme;
    else root.dataset.scheme = theme;
    document.dispatchEvent(new Event("theme")); // plots are drawn again (charts.js)
  }

  function choose(theme) {
    apply(theme);
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch { /* it holds for this page alone */ }
  }

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const control = document.getElementById("theme");
    if (!control) return;
    control.value = stored();
    control.parentElement.hidden = false;
    control.addEventListener("change", () => choose(control.value));
    addEventListener("storage", () => { // chosen in another tab
      control.value = stored();
      apply(stored());
    });
  });
})();
