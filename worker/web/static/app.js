// What pages do in the browser: the menu, dialogs, times in the viewer's zone, keys, the toast.
"use strict";

function closest(event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null;
}

// -- the menu on narrow screens, and dialogs ----------------------------------------------------

document.addEventListener("click", (event) => {
  const toggler = closest(event, "[data-menu]");
  if (toggler) {
    const open = document.getElementById(toggler.dataset.menu).classList.toggle("show");
    toggler.setAttribute("aria-expanded", String(open));
  }
  const opener = closest(event, "[data-dialog]");
  if (opener) open(document.getElementById(opener.dataset.dialog), opener.dataset);
  const closer = closest(event, "[data-close]");
  if (!closer) return;
  const dialog = closer.closest("dialog");
  if (dialog) dialog.close();
  else closer.closest("[role=status]").remove();
});

// One dialog serves many rows: `data-fill-NAME` of the button goes into the field of that name.
function open(dialog, filled) {
  for (const [key, value] of Object.entries(filled)) {
    if (!key.startsWith("fill")) continue;
    const name = key.charAt(4).toLowerCase() + key.slice(5);
    const field = dialog.querySelector(`[name="${name}"]`);
    if (field) field.value = value;
    for (const shown of dialog.querySelectorAll(`[data-show="${name}"]`)) shown.textContent = value;
  }
  dialog.showModal();
}

// -- times: in the viewer's zone, with the exact one in UTC on hover ------------------------------

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const format = new Intl.DateTimeFormat("en-GB", {
  day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
});

function localize(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.getTime())) time.textContent = format.format(at);
    time.removeAttribute("data-local");
  }
  for (const note of root.querySelectorAll("[data-zone]")) note.textContent = zone || "UTC";
}

document.addEventListener("DOMContentLoaded", () => localize(document));
document.addEventListener("htmx:afterSwap", (event) => localize(event.detail.target.ownerDocument));

// -- tables on a phone: each cell is told its heading, which the style sheet puts beside it ---------

function label(root) {
  for (const table of root.querySelectorAll(".stacked table")) {
    const heads = [...table.querySelectorAll("thead th")].map((head) =>
      head.querySelector(".visually-hidden") ? "" : head.textContent.replace("↓", "").trim());
    for (const row of table.tBodies[0]?.rows ?? []) {
      [...row.cells].forEach((cell, place) => { if (heads[place]) cell.dataset.label = heads[place]; });
    }
  }
}

document.addEventListener("DOMContentLoaded", () => label(document));
document.addEventListener("htmx:afterSwap", (event) => label(event.detail.target.ownerDocument));

// What renews itself waits while somebody fills in a form that is in it.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.querySelector("dialog[open]") || document.querySelector("#suppressed dialog[open]")) {
    event.preventDefault();
  }
});

// -- keys: / goes to the search box ----------------------------------------------------------------

document.addEventListener("keydown", (event) => {
  const typing = closest(event, "input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const box = document.getElementById("find");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select(); // what was searched for last
});

// -- the toast: said once, so its word leaves the address -------------------------------------------

document.addEventListener("DOMContentLoaded", () => {
  const address = new URL(location.href);
  if (!address.searchParams.has("done")) return;
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
});

// -- a box that ticks all others of a name ------------------------------------------------------------

document.addEventListener("change", (event) => {
  const box = closest(event, "[data-check-all]");
  if (!box) return;
  for (const one of document.querySelectorAll(`[name="${box.dataset.checkAll}"][type=checkbox]`)) {
    one.checked = box.checked;
  }
});
