// The player and the lines in step: what sounds is marked, and a click plays from there.

import { offerCopies } from "/static/copy.js";
import { show } from "/static/waveform.js";

export const media = document.querySelector("#media");
const speed = document.querySelector("#speed");
const skip = document.querySelector("#skip");
const follow = document.querySelector("#follow");
const leftOut = document.querySelector("#left-out");
const GAP_S = 1;
const STEP_S = 5;
let lines = [...document.querySelectorAll("#lines li[data-start]")];
let starts = lines.map((line) => Number(line.dataset.start));
let current = -1;
let word = null;

function before(time) {
  // The last line that has begun by then.
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= time + 0.05) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const isTyping = () => ["TEXTAREA", "INPUT"].includes(document.activeElement?.tagName);

function mark() {
  const time = media.currentTime;
  const at = before(time);
  if (at !== current) {
    lines[current]?.removeAttribute("aria-current");
    current = at;
    const line = lines[current];
    line?.setAttribute("aria-current", "true");
    // Whoever writes in a line keeps it before the eyes.
    if (follow.checked && !media.paused && !isTyping()) line?.scrollIntoView({ block: "nearest" });
  }
  const words = lines[current]?.querySelectorAll("[data-start]") ?? [];
  const sounding = [...words].findLast((each) => Number(each.dataset.start) <= time) ?? null;
  if (sounding !== word) {
    word?.classList.remove("sounds");
    sounding?.classList.add("sounds");
    word = sounding;
  }
  if (skip.checked && !media.paused) {
    const ends = current < 0 ? 0 : Number(lines[current].dataset.end);
    const next = starts[current + 1];
    if (next !== undefined && time >= ends && next - time > GAP_S) media.currentTime = next;
  }
}

export function renew(rows, startsOfRows) {
  // From now on these are the lines, in the order of time.
  lines[current]?.removeAttribute("aria-current");
  [lines, starts, current] = [rows, startsOfRows, -1];
  mark();
}

export const playing = () => current;

function play() {
  // Whoever stops it before it has begun means that; what cannot be played is told by the event `error`.
  media.play().catch(() => {});
}

export const playOrPause = () => (media.paused ? play() : media.pause());

export const move = (steps) => (media.currentTime += steps * STEP_S);

export function playFrom(seconds) {
  media.currentTime = seconds;
  play();
}

function toLine(step) {
  const to = Math.min(Math.max(current + step, 0), lines.length - 1);
  if (lines[to]) media.currentTime = starts[to];
}

function changeSpeed(step) {
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + step, 0), speed.length - 1);
  media.playbackRate = Number(speed.value);
}

const keys = {
  " ": playOrPause,
  k: playOrPause,
  j: () => move(-1),
  l: () => move(1),
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
  ArrowUp: () => toLine(-1),
  ArrowDown: () => toLine(1),
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
};

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("input, select, textarea, button, [role=button], summary, a, audio, video");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (busy || event.ctrlKey || event.altKey || event.metaKey || !keys[key]) return;
  event.preventDefault();
  keys[key]();
});

document.addEventListener("click", (event) => {
  if (!getSelection().isCollapsed) return; // somebody selects text
  const place = event.target.closest(".text [data-start]") ?? event.target.closest(".lines li[data-start]");
  if (place) playFrom(Number(place.dataset.start));
});

function fromAddress() {
  const at = /^#t=(\d+(\.\d+)?)$/.exec(location.hash);
  if (!at) return;
  const go = () => {
    media.currentTime = Number(at[1]);
    current = -1;
    mark();
    lines[current]?.scrollIntoView({ block: "center" });
  };
  if (media.readyState) go();
  else media.addEventListener("loadedmetadata", go, { once: true });
}

speed.addEventListener("change", () => (media.playbackRate = Number(speed.value)));
leftOut?.addEventListener("change", () => (document.querySelector("#suppressed").hidden = !leftOut.checked));
media.addEventListener("timeupdate", mark);
media.addEventListener("seeked", mark);
media.addEventListener("error", () => (document.querySelector("#trouble").hidden = false));
addEventListener("hashchange", fromAddress);
fromAddress();
show(document.querySelector("#waveform"), media);
offerCopies(() => lines);
