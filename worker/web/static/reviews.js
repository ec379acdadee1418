// Keys on the page "Replies to review"; the page says which (?). Without this script it works, too.
"use strict";
(() => {
  const replies = [...document.querySelectorAll(".reply")];
  const several = document.getElementById("several");
  const count = document.getElementById("count");
  const all = document.getElementById("all");
  const boxes = replies.map((reply) => reply.querySelector("input[type=checkbox]"));
  const PLACE = "reviews.place"; // where somebody was, kept over the reload after a decision
  let place = Math.min(Number(sessionStorage.getItem(PLACE)) || 0, replies.length - 1);

  const go = (to) => {
    if (!replies.length) return;
    place = Math.max(0, Math.min(to, replies.length - 1));
    sessionStorage.setItem(PLACE, String(place));
    replies[place].focus({ preventScroll: true });
    replies[place].scrollIntoView({ block: "nearest" });
  };
  const selected = () => boxes.filter((box) => box && box.checked);
  const tell = () => {
    if (count) count.textContent = selected().length ? `${selected().length} selected` : "";
  };
  const select = (box, on) => {
    if (!box) return;
    box.checked = on;
    tell();
  };
  const decide = (key) => {
    const button = replies[place] && replies[place].querySelector(`[data-key="${key}"]`);
    if (!button) return false;
    if (several && selected().length) {
      several.elements.decision.value = button.value;
      several.requestSubmit();
    } else {
      button.click();
    }
    return true;
  };
  const press = (key) => {
    if (key === "j" || key === "ArrowDown") go(started ? place + 1 : place);
    else if (key === "k" || key === "ArrowUp") go(place - 1);
    else if (key === "x") select(boxes[place], !(boxes[place] && boxes[place].checked));
    else if (key === "u") {
      const undo = document.querySelector("#decided button");
      if (!undo) return false;
      undo.click();
    } else if (key === "?") {
      const keys = document.getElementById("keys");
      if (!keys) return false;
      keys.open = !keys.open;
    } else return decide(key);
    started = true;
    return true;
  };

  let started = false;
  let sent = false; // one decision for one key, however long it is held
  document.addEventListener("submit", () => { sent = true; });
  window.addEventListener("pageshow", () => { sent = false; });
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=checkbox]), select, textarea");
    if (field || event.ctrlKey || event.metaKey || event.altKey || event.repeat && event.key.length === 1) return;
    if (!sent && press(event.key)) event.preventDefault();
  });
  replies.forEach((reply, number) => reply.addEventListener("focusin", () => {
    place = number;
    started = true;
    sessionStorage.setItem(PLACE, String(place));
  }));
  boxes.forEach((box) => box && box.addEventListener("change", tell));
  if (all) {
    all.hidden = false;
    all.addEventListener("click", () => {
      const on = selected().length < boxes.length;
      boxes.forEach((box) => select(box, on));
    });
  }
  tell();
  if (document.getElementById("decided")) go(place);
})();
