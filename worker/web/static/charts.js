// Draw the plots of a page from the data beside them. Lines differ by dash as well as by colour.
"use strict";

const COLOURS = {
  valid: "--valid", unverified: "--unverified", unreachable: "--unreachable", invalid: "--invalid",
  wrong_number: "--wrong-number", do_not_contact: "--do-not-contact",
};
const OTHERS = ["#3b82d6", "#d97706", "#2f9e63", "#a855c7", "#c0504d", "#0e9aa7", "#8a8f98"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4], [14, 4]];
const HEIGHT = 220;

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Colours that CSS works out by itself, such as light-dark(), as a canvas understands them.
function resolved(property, element) {
  return getComputedStyle(element)[property];
}

function look(line, place) {
  const colour = COLOURS[line.name] ? style(COLOURS[line.name]) : OTHERS[place % OTHERS.length];
  return { colour, dash: DASHES[place % DASHES.length] };
}

// "5 Nov": counts are by days of UTC.
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const longDay = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
});

function said(value, unit) {
  if (value === null || value === undefined) return "–";
  return `${value.toLocaleString("en-GB")} ${unit}`;
}

function tip(data, root) {
  const box = document.createElement("div");
  box.className = "tip";
  box.hidden = true;
  root.append(box);
  return {
    hooks: {
      setCursor: (plot) => {
        const { idx, left, top } = plot.cursor;
        box.hidden = idx === null || idx === undefined || left < 0;
        if (box.hidden) return;
        const at = data.x[idx];
        const head = document.createElement("b");
        head.textContent = data.days ? longDay.format(at * 1000) : new Date(at * 1000).toLocaleTimeString("en-GB");
        box.replaceChildren(head, ...data.series.map((line) => {
          const row = document.createElement("div");
          row.textContent = `${line.label}: ${said(line.values[idx], data.unit)}`;
          return row;
        }));
        const right = left > plot.bbox.width / devicePixelRatio / 2;
        box.style.left = right ? "" : `${left + 70}px`;
        box.style.right = right ? `${root.clientWidth - left - 50}px` : "";
        box.style.top = `${Math.max(0, top - 10)}px`;
      },
    },
  };
}

function legend(data) {
  const list = document.createElement("ul");
  list.className = "legend";
  data.series.forEach((line, place) => {
    const { colour, dash } = look(line, place);
    const sample = document.createElement("canvas");
    sample.width = 28;
    sample.height = 8;
    const pen = sample.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = 2.5;
    pen.setLineDash(dash);
    pen.moveTo(0, 4);
    pen.lineTo(28, 4);
    pen.stroke();
    const item = document.createElement("li");
    item.append(sample, line.label);
    list.append(item);
  });
  return list;
}

function draw(root) {
  const data = JSON.parse(root.dataset.chart);
  root.replaceChildren();
  const axis = { stroke: resolved("color", root), grid: { stroke: resolved("borderTopColor", root.closest(".card")), width: 1 } };
  const bars = data.kind === "bars";
  const barRoom = data.x.length > 1 ? (data.x[1] - data.x[0]) / 2 : 43200; // the outer bars whole
  const options = {
    width: root.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: !bars } },
    scales: { x: { time: true, range: (_, low, high) => (bars ? [low - barRoom, high + barRoom] : [low, high]) }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(1, high) * 1.05] } },
    tzDate: (seconds) => (data.days ? uPlot.tzDate(new Date(seconds * 1000), "UTC") : new Date(seconds * 1000)),
    axes: [
      { ...axis, values: data.days ? (_, ticks) => ticks.map((at) => shortDay.format(at * 1000)) : undefined, space: 60 },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((value) => value.toLocaleString("en-GB")), label: data.unit, labelSize: 18 },
    ],
    series: [{}, ...data.series.map((line, place) => {
      const { colour, dash } = look(line, place);
      return {
        label: line.label, stroke: colour, width: 2, dash, spanGaps: false,
        fill: bars ? `${colour}66` : undefined,
        paths: bars ? uPlot.paths.bars({ size: [0.6, 40] }) : undefined,
        points: { show: data.x.length < 15 && !bars },
      };
    })],
    plugins: [tip(data, root)],
  };
  const plot = new uPlot(options, [data.x, ...data.series.map((line) => line.values)], root);
  root.append(legend(data));
  root.plot = plot;
}

function drawAll(root) {
  for (const place of root.querySelectorAll("[data-chart]")) {
    if (!place.plot) draw(place);
  }
}

document.addEventListener("DOMContentLoaded", () => drawAll(document));
document.addEventListener("htmx:afterSettle", () => drawAll(document));
function redraw() {
  for (const place of document.querySelectorAll("[data-chart]")) if (place.plot) draw(place);
}
document.addEventListener("theme", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(() => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      if (place.plot) place.plot.setSize({ width: place.clientWidth, height: HEIGHT });
    }
  }, 100);
});
