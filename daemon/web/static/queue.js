// Keeps the queue as it is now; what somebody has selected stays selected.

import { oneAtATime, renew, whenChanged } from "/static/live.js";
import { tn } from "/static/texts.js";

const now = document.querySelector("#now");
const many = document.querySelector("#many");
const told = document.querySelector("#chosen");
const wholePage = document.querySelector("#whole-page");
const chosen = new Set();
const boxes = () => [...now.querySelectorAll('input[name="job"]')];

function tell() {
  told.textContent = chosen.size ? tn("{count} selected", "{count} selected", chosen.size) : "";
  wholePage.firstElementChild.checked = boxes().length > 0 && boxes().every((box) => box.checked);
}

function note(box) {
  if (box.checked) chosen.add(box.value);
  else chosen.delete(box.value);
}

now.addEventListener("change", (event) => {
  if (event.target.name !== "job") return;
  note(event.target);
  tell();
});

wholePage.hidden = false;
wholePage.addEventListener("change", (event) => {
  for (const box of boxes()) {
    box.checked = event.target.checked;
    note(box);
  }
  tell();
});

many.addEventListener("submit", () => {
  // What has left the page meanwhile, because newer recordings came, is still meant.
  const here = new Set(boxes().map((box) => box.value));
  many.elements.more.value = [...chosen].filter((id) => !here.has(id)).join();
});

document.addEventListener("keydown", (event) => {
  // The Enter key in a field would press the first button of the form, and the page would forget the selection.
  if (event.key !== "Enter" || event.target.form !== many || event.target.localName !== "input") return;
  event.preventDefault();
  if (event.target.name === "priority") document.querySelector("#set-priority").click();
});

boxes().forEach(note); // a browser that goes back to this page ticks them again
tell();
whenChanged(oneAtATime(async () => {
  await renew(now);
  for (const box of boxes()) box.checked = chosen.has(box.value);
  tell();
}));
