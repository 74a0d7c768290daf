// The plots, and the part of the page that changes.

import { oneAtATime, renew, whenChanged } from "/static/live.js";

const now = document.querySelector("#now");
const charts = document.querySelector("#charts");
const figures = [...charts.querySelectorAll("figure")];
const hours = Number(charts.dataset.hours);
const HEIGHT = 170;
const LIVE_EVERY_MS = 10_000; // the monitor takes a sample about every minute
const cursor = { sync: { key: "service" }, drag: { x: true, y: false } };
const TIMES = [
  // From this distance of two labels on: the label, and what the first one of a year and of a day has besides.
  [86_400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];
const plots = new Map();
let drawn = null;

function colours(figure) {
  // As the style sheet has them in the present scheme: a canvas does not know its variables.
  const of = (name) => {
    const probe = figure.appendChild(document.createElement("i"));
    probe.className = name;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  return { text: of("plot-text"), grid: of("plot-grid"), line: of("plot-line"), band: of("plot-band") };
}

function scale(unit) {
  // Temperatures are seen best by themselves; everything else is more or less than nothing.
  if (unit === "°C") return {};
  return { range: (_plot, _low, high) => [0, high > 0 ? high * 1.05 : 1] };
}

function point(figure) {
  // Say in words what is under the pointer.
  const unit = figure.querySelector(".unit").textContent;
  return (plot) => {
    const at = plot.cursor.idx;
    const value = at === null || at === undefined ? null : plot.data.at(-1)[at];
    figure.querySelector(".pointed").textContent =
      value === null || value === undefined
        ? ""
        : `${new Date(plot.data[0][at] * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" })}: ${value} ${unit}`;
  };
}

function options(figure, chart, bars) {
  const colour = colours(figure);
  const axis = { stroke: colour.text, grid: { stroke: colour.grid, width: 1 }, ticks: { stroke: colour.grid, width: 1 } };
  const line = { stroke: colour.line, width: 1.5, spanGaps: false, points: { show: chart.mean.length < 3 } };
  if (bars) Object.assign(line, { paths: uPlot.paths.bars({ size: [0.8, 40], align: 1 }), fill: colour.band, points: { show: false } });
  const edge = { stroke: "transparent", points: { show: false } };
  return {
    width: figure.querySelector(".plot").clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor,
    scales: { x: { time: true, range: () => [drawn.since, drawn.until] }, y: scale(chart.unit) },
    axes: [{ ...axis, values: TIMES }, { ...axis, size: 48 }],
    series: [{}, ...(chart.least ? [edge, edge] : []), line],
    bands: chart.least ? [{ series: [1, 2], fill: colour.band }] : [],
    hooks: { setCursor: [point(figure)] },
  };
}

function show(figure, chart, times, bars, afresh) {
  // The mean comes last, so that it is drawn over the band between the least and the largest.
  const columns = [times, ...(chart.least ? [chart.largest, chart.least] : []), chart.mean];
  let plot = plots.get(figure);
  if (plot && !afresh && plot.series.length === columns.length) {
    plot.setData(columns);
  } else {
    plot?.destroy();
    plot = new uPlot(options(figure, chart, bars), columns, figure.querySelector(".plot"));
    plots.set(figure, plot);
  }
  for (const cell of figure.querySelectorAll("[data-key]")) {
    cell.textContent = chart.summary[cell.dataset.key].toFixed(1);
  }
}

function draw(afresh = false) {
  const all = [
    ...drawn.charts.map((chart) => [chart, drawn.times, false]),
    ...drawn.hourly.charts.map((chart) => [chart, drawn.hourly.times, true]),
  ];
  const names = all.map(([chart]) => chart.name).join();
  if (names !== figures.map((figure) => figure.dataset.chart).join()) {
    location.reload(); // something has appeared or gone, such as a GPU
    return;
  }
  all.forEach(([chart, times, bars], at) => show(figures[at], chart, times, bars, afresh));
}

async function load() {
  const answer = await fetch(`/api/samples?hours=${hours}`);
  if (!answer.ok) return;
  drawn = await answer.json();
  draw();
}

const update = oneAtATime(() => renew(now));
const reload = oneAtATime(load);
let waits = null;

whenChanged(() => {
  update();
  if (drawn && hours > 1) return; // a longer time hardly changes while somebody looks
  if (!drawn) reload();
  else waits ??= setTimeout(() => { waits = null; reload(); }, LIVE_EVERY_MS);
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn && draw(true));
new ResizeObserver(() => {
  for (const [figure, plot] of plots) plot.setSize({ width: figure.querySelector(".plot").clientWidth, height: HEIGHT });
}).observe(charts);
