// The player and the lines in step: what sounds is marked, and a click plays from there.

import { offerCopies } from "/static/copy.js";
import { show } from "/static/waveform.js";

const media = document.querySelector("#media");
const speed = document.querySelector("#speed");
const skip = document.querySelector("#skip");
const follow = document.querySelector("#follow");
const leftOut = document.querySelector("#left-out");
const lines = [...document.querySelectorAll("#lines li[data-start]")];
const starts = lines.map((line) => Number(line.dataset.start));
const GAP_S = 1;
const STEP_S = 5;
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

function mark() {
  const time = media.currentTime;
  const at = before(time);
  if (at !== current) {
    lines[current]?.removeAttribute("aria-current");
    current = at;
    const line = lines[current];
    line?.setAttribute("aria-current", "true");
    if (follow.checked && !media.paused) line?.scrollIntoView({ block: "nearest" });
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

function playFrom(element) {
  media.currentTime = Number(element.dataset.start);
  media.play();
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
  " ": () => (media.paused ? media.play() : media.pause()),
  k: () => (media.paused ? media.play() : media.pause()),
  j: () => (media.currentTime -= STEP_S),
  l: () => (media.currentTime += STEP_S),
  ArrowLeft: () => (media.currentTime -= STEP_S),
  ArrowRight: () => (media.currentTime += STEP_S),
  ArrowUp: () => toLine(-1),
  ArrowDown: () => toLine(1),
  "<": () => changeSpeed(-1),
  ">": () => changeSpeed(1),
};

document.addEventListener("keydown", (event) => {
  const busy = event.target.closest("input, select, textarea, button, summary, a, audio, video");
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (busy || event.ctrlKey || event.altKey || event.metaKey || !keys[key]) return;
  event.preventDefault();
  keys[key]();
});

document.addEventListener("click", (event) => {
  if (!getSelection().isCollapsed) return; // somebody selects text
  const place = event.target.closest(".text [data-start]") ?? event.target.closest(".lines li[data-start]");
  if (place) playFrom(place);
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
offerCopies(lines);
