// The results of a search by keyboard: arrows move from one to the next, enter opens a link anyway.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const results = [...document.querySelectorAll("[data-results] .result a:first-of-type")];
  const at = results.indexOf(document.activeElement);
  const box = document.getElementById("find");
  const free = document.activeElement === document.body || document.activeElement === box;
  if (!results.length || (at < 0 && !free)) return;
  event.preventDefault();
  if (event.key === "ArrowDown") results[Math.min(at + 1, results.length - 1)].focus();
  else if (at > 0) results[at - 1].focus();
  else if (box) box.focus();
});
