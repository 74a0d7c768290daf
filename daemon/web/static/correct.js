// Corrects a transcript on its page: opens the editor, saves, and loses nothing.

import { actOnKeys } from "/static/correct_keys.js";
import { Draft } from "/static/draft.js";
import { printed, saved } from "/static/edit_lines.js";
import { LineEditor } from "/static/line_editor.js";
import * as player from "/static/player.js";
import { t } from "/static/texts.js";
import { told } from "/static/told.js";
import { renewVersions, showNote, versions } from "/static/versions.js";
import { moment } from "/static/versions_api.js";

const list = document.querySelector("#lines");
const { dataset } = document.querySelector("#transcript");
const open = document.querySelector("#correct");
const tools = document.querySelector("#correcting");
const conflict = document.querySelector("#conflict");
const kept = document.querySelector("#draft");
const trouble = document.querySelector("#correct-trouble");
const tool = (name) => tools.querySelector(`[data-do="${name}"]`);
const tell = told(document.querySelector("#correct-said"));
const fail = told(trouble);
const draft = new Draft(dataset.draft);
const ends = Number(dataset.ends) || Infinity;
let editor = null;
let base = 0;
let savedLines = [];
let isBusy = false;

const isChanged = () => editor !== null && (editor.history.isChanged || editor.isTypingTime);

// -- begin and end -------------------------------------------------------------------------------------------

async function begin({ takesUp = false } = {}) {
  // Open the editor on the newest version; the value is whether it is open.
  if (editor || isBusy) return editor !== null;
  if (!takesUp && draft.read()) {
    // Whatever is typed now would take its place.
    await offerDraft();
    kept.querySelector("button").focus();
    return false;
  }
  isBusy = true;
  fail("");
  try {
    const current = await versions.one("current");
    [base, savedLines] = [current.version, current.lines];
    const { language } = dataset;
    const otherwise = tool("add-line");
    editor = new LineEditor(list, [...current.lines], { ends, language, player, tell, changed, otherwise });
  } catch (error) {
    fail(error.message, error.language);
    return false;
  } finally {
    isBusy = false;
  }
  showTools(true);
  return true;
}

function showTools(isOpen) {
  document.body.classList.toggle("correcting-lines", isOpen);
  tools.hidden = !isOpen;
  open.hidden = isOpen;
  kept.hidden = true;
}

async function beginAtLine() {
  if (!(await begin())) return;
  editor.open({ at: Math.max(0, player.playing()), caret: 0 });
  tell(t("Correct the text and the times. The keys are listed at the end of the page."));
}

function end() {
  if (isBusy || (isChanged() && !confirm(t("Discard the changes that are not saved?")))) return;
  draft.remove();
  const closing = editor;
  editor = null;
  if (!conflict.hidden) {
    location.reload(); // somebody else's version is the newest
    return;
  }
  closing.end(savedLines);
  fail("");
  showTools(false);
  open.focus();
}

// -- what is not saved ---------------------------------------------------------------------------------------

const unsaved = () => ({ base, at: new Date().toISOString(), lines: editor.lines.map(saved) });
const noDraft = () => fail(t("This browser has no room to keep unsaved changes: save often."));

function changed() {
  if (editor.history.isChanged) draft.keepSoon(unsaved, noDraft);
  else draft.remove();
}

async function offerDraft() {
  const found = draft.read();
  if (!found) return;
  const all = await versions.all().catch(() => []);
  const isOld = found.base !== (all[0]?.version ?? 0);
  if (editor) return;
  const time = moment(found.at);
  const text = kept.querySelector("p");
  if (isOld)
    text.textContent = t(
      "This browser keeps changes that you have not saved, of {time}. A newer version was saved since.",
      { time },
    );
  else text.textContent = t("This browser keeps changes that you have not saved, of {time}.", { time });
  kept.hidden = false;
}

async function takeUp() {
  const found = draft.read();
  if (!found || !(await begin({ takesUp: true }))) return;
  base = found.base; // where somebody else has saved since, saving will tell
  editor.replaceAll(found.lines);
}

// -- save ----------------------------------------------------------------------------------------------------

async function save(basedOn) {
  if (isBusy || !editor.commit()) return;
  const empty = editor.lines.findIndex((line) => !line.text.trim());
  if (empty >= 0) {
    editor.open({ at: empty });
    fail(t("The line at {time} has no text: write some, or delete the line.", { time: printed(editor.line.start_s) }));
    return;
  }
  if (!editor.history.isChanged) {
    tell(t("Nothing has changed since the last save."));
    return;
  }
  isBusy = true;
  fail("");
  const { history } = editor;
  history.seal();
  const [mark, lines] = [history.mark, [...editor.lines]];
  draft.keep(unsaved, noDraft);
  try {
    const version = await versions.save(basedOn, lines.map(saved));
    [base, savedLines] = [version.version, lines];
    history.saved(mark);
    if (editor) changed();
    const hadFocus = conflict.contains(document.activeElement);
    conflict.hidden = true;
    if (hadFocus) tool("save").focus();
    showNote(version);
    tell(t("Saved as version {version}. The files are being written again.", { version: version.version }));
  } catch (error) {
    if (error.status !== 409) fail(error.message, error.language);
    else await tellConflict(error);
  } finally {
    isBusy = false;
  }
  await renewVersions();
}

async function tellConflict(error) {
  // Somebody else has saved meanwhile.
  let newest;
  try {
    [newest] = await versions.all();
  } catch (failure) {
    fail(failure.message, failure.language);
    return;
  }
  if (!newest) {
    fail(error.message, error.language);
    return;
  }
  const values = { author: newest.author, time: moment(newest.saved_at), version: newest.version };
  conflict.hidden = false;
  conflict.querySelector("p").textContent = newest.author
    ? t(
        "{author} saved version {version} meanwhile, {time}. Your changes are not saved; this browser keeps them.",
        values,
      )
    : t("Version {version} was saved meanwhile, {time}. Your changes are not saved; this browser keeps them.", values);
  conflict.querySelector("a").href = `/jobs/${dataset.job}#version=${newest.version}`;
  conflict.querySelector("button").onclick = () => save(newest.version);
  conflict.querySelector("a").focus();
}

// -- keys and clicks -----------------------------------------------------------------------------------------

const acts = {
  save: () => save(base),
  undo: () => editor.undo(),
  redo: () => editor.redo(),
  "add-line": () => editor.addAt(player.media.currentTime),
  end,
  "start-now": () => editor.timeFromPlayer("start"),
  "end-now": () => editor.timeFromPlayer("end"),
  split: () => editor.split(),
  join: () => editor.join(1),
  delete: () => editor.remove(),
  add: () => editor.addAfter(),
};

const inTimes = (act) => () => (editor.isTypingTime ? false : act());
const anywhere = { "Mod+S": acts.save };
const here = {
  ...anywhere,
  "Mod+Z": inTimes(acts.undo),
  "Mod+Shift+Z": inTimes(acts.redo),
  "Mod+Y": inTimes(acts.redo),
  "Alt+K": player.playOrPause,
  "Alt+J": () => player.move(-1),
  "Alt+L": () => player.move(1),
};
const inLine = {
  ...here,
  "Alt+Enter": acts.split,
  "Alt+Backspace": () => editor.join(-1),
  "Alt+Delete": acts.delete,
  "Alt+R": () => player.playFrom(editor.line.start_s),
  "Alt+[": acts["start-now"],
  "Alt+]": acts["end-now"],
  Escape: () => editor.escape(),
};
const inField = { ...inLine, Enter: () => editor.go(1), "Shift+Enter": () => editor.go(-1) };
const onRow = {
  ...inLine,
  Enter: () => editor.open({ ...editor.place, field: "text" }),
  ArrowUp: () => editor.go(-1),
  ArrowDown: () => editor.go(1),
};
const onText = { ...here, Enter: openText, " ": openText };

function openText(event) {
  editor.openRow(event.target.closest("li"), 0);
}

function keysFor(element) {
  if (element === editor.row) return onRow;
  if (editor.row?.contains(element)) return element.matches("[name]") ? inField : inLine;
  if (list.contains(element)) return element.matches(".text") ? onText : here;
  return element.closest("input, textarea, select") ? anywhere : here;
}

document.addEventListener("keydown", (event) => editor && actOnKeys(keysFor(event.target), event), true);

function caretAt(text, { clientX, clientY }) {
  // The place in a text that was clicked.
  const place = document.caretPositionFromPoint?.(clientX, clientY);
  if (!place || !text.contains(place.offsetNode)) return null;
  const before = document.createRange();
  before.setStart(text, 0);
  before.setEnd(place.offsetNode, place.offset);
  return before.toString().trimStart().length;
}

list.addEventListener("click", (event) => {
  if (!editor || event.target.closest(".time")) return;
  event.stopPropagation(); // nothing plays
  const name = event.target.closest("[data-do]")?.dataset.do;
  const text = event.target.closest("li[data-start]")?.querySelector(".text");
  if (name) acts[name]();
  else if (text && !editor.row?.contains(text) && getSelection().isCollapsed)
    editor.openRow(text.closest("li"), caretAt(text, event));
});

tools.addEventListener("click", (event) => acts[event.target.closest("[data-do]")?.dataset.do]?.());
open.addEventListener("click", beginAtLine);
kept.querySelector("[data-do=take-up]").addEventListener("click", takeUp);
kept.querySelector("[data-do=forget]").addEventListener("click", () => {
  if (!confirm(t("Discard the changes that are not saved?"))) return;
  draft.remove();
  kept.hidden = true;
  open.focus();
});

for (const button of document.querySelectorAll("[data-restore]")) {
  button.addEventListener("click", async (event) => {
    event.stopPropagation();
    const { start, end: until } = button.closest("li").dataset;
    const text = button.closest("li").querySelector(".text").textContent;
    if (await begin()) editor.restore({ start_s: Number(start), end_s: Number(until), text: text.trim() });
  });
}

addEventListener("beforeunload", (event) => isChanged() && event.preventDefault());
addEventListener("pagehide", () => editor?.history.isChanged && draft.keep(unsaved, noDraft));
document.addEventListener("visibilitychange", () => {
  if (document.hidden && editor?.history.isChanged) draft.keep(unsaved, noDraft);
});
new ResizeObserver(([{ target }]) => {
  // What stands above the lines must not hide the one that is in focus.
  document.documentElement.style.setProperty("--above", `${target.offsetHeight}px`);
}).observe(document.querySelector(".player"));
if (!location.hash.startsWith("#version=")) offerDraft();
