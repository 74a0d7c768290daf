// The rows of the list of lines in the page, and the lines that they show.

import { clock, heard } from "/static/edit_lines.js";
import { COLOURS, Names } from "/static/names.js";
import { t } from "/static/texts.js";

const keyOf = ({ start, end, speaker = "" }, text) => `${Number(start)} ${Number(end)} ${speaker} ${text.trim()}`;

export function wordsOf(row) {
  // The words in a row, with their times; none where the machine gave none.
  return [...row.querySelectorAll(".text [data-start]")].map((word) => ({
    start_s: Number(word.dataset.start),
    end_s: Number(word.dataset.end),
    word: word.textContent,
    unsure: word.classList.contains("unsure"),
  }));
}

function wordElement({ start_s, end_s, word, unsure }) {
  const element = document.createElement("span");
  Object.assign(element.dataset, { start: start_s, end: end_s });
  element.textContent = word;
  element.classList.toggle("unsure", unsure);
  return element;
}

export function writeText(row, line) {
  // Show the text of a line: word by word where it is what was heard.
  const text = row.querySelector(".text");
  if (text.textContent.trim() === line.text.trim()) return;
  text.classList.remove("unsure");
  if (line.words?.length && heard(line.words) === line.text) text.replaceChildren(...line.words.map(wordElement));
  else text.textContent = line.text;
}

export function writeTimes(row, line) {
  // Show when a line is said.
  Object.assign(row.dataset, { start: line.start_s, end: line.end_s });
  const time = row.querySelector(".time");
  time.textContent = clock(line.start_s);
  time.setAttribute("aria-label", t("Play from {time}", { time: clock(line.start_s) }));
}

export class Rows {
  constructor(list) {
    this.list = list;
    this.isOfChannels = list.querySelector(".who") !== null;
    this.names = new Names(list);
    this.none = list.querySelector("li:not([data-start])");
    this.all = [...list.querySelectorAll("li[data-start]")];
  }

  arrange(lines) {
    // Show these lines. A row that shows one already stays, with its words.
    const there = new Map();
    for (const row of this.all) {
      const key = keyOf(row.dataset, row.querySelector(".text").textContent);
      there.set(key, [...(there.get(key) ?? []), row]);
    }
    const before = this.all;
    const shown = ({ start_s, end_s, speaker, text }) => there.get(keyOf({ start: start_s, end: end_s, speaker }, text));
    this.all = lines.map((line) => shown(line)?.shift() ?? this.made(line));
    const isAsBefore = before.length === this.all.length && before.every((row, at) => row === this.all[at]);
    if (!isAsBefore) this.list.replaceChildren(...this.all);
    if (!this.all.length && this.none) this.list.replaceChildren(this.none);
    this.#name();
  }

  splice(at, count, lines) {
    // Show other lines in the place of some.
    this.none?.remove();
    const fresh = lines.map((line) => this.made(line));
    const old = this.all.splice(at, count, ...fresh);
    const next = old[0] ?? this.all[at + fresh.length] ?? null;
    for (const row of fresh) this.list.insertBefore(row, next);
    for (const row of old) row.remove();
    this.#name();
  }

  #name() {
    if (this.names.areKnown) this.names.arrange(this.all);
  }

  made(line) {
    const row = document.querySelector("#row").content.cloneNode(true).firstElementChild;
    writeTimes(row, line);
    const text = row.querySelector(".text");
    text.lang = line.language;
    const who = row.querySelector(".who");
    if (this.isOfChannels) {
      who.textContent = line.channel;
      row.className = `channel-${line.channel % COLOURS}`;
    } else who.remove();
    if (this.names.areKnown) this.names.put(row, line.speaker);
    else row.querySelector(".name").remove();
    writeText(row, line);
    if (this.isEdited) this.offer(row);
    return row;
  }

  edit(isEdited) {
    // Whether the text of each row may be opened.
    this.isEdited = isEdited;
    for (const row of this.all) this.offer(row);
  }

  offer(row) {
    const text = row.querySelector(".text");
    if (this.isEdited) {
      row.tabIndex = -1;
      text.tabIndex = 0;
      text.setAttribute("role", "button");
    } else {
      row.removeAttribute("tabindex");
      text.removeAttribute("tabindex");
      text.removeAttribute("role");
    }
  }
}
