// The part of the queue page where recordings are added.

import { dropped, isRecording } from "./dropped.js";
import { canRecord, record } from "./microphone.js";
import { addressOf, Queue, remove, Sending, unfinished } from "./sending.js";
import { t, tn } from "./texts.js";

const zone = document.querySelector("#drop");
const list = document.querySelector("#sending");
const said = document.querySelector("#said");
const recordButton = document.querySelector("#record");
const recorded = document.querySelector("#recorded");
const extensions = new Set(zone?.dataset.extensions.split(" "));
const queue = new Queue();
const begun = new Map(); // address of an upload that broke off -> { upload, row }
let recording = null;
let arrived = 0;

const say = (text) => (said.textContent = text);
const wish = (name) => document.querySelector(`#wish-${name}`).value;
const amount = (bytes) =>
  new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: "megabyte",
    maximumFractionDigits: bytes < 1e7 ? 1 : 0,
  }).format(bytes / 1e6);

function button(text, name, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "plain";
  made.textContent = text;
  made.setAttribute("aria-label", t("{command} {path}", { command: text, path: name }));
  made.addEventListener("click", act);
  return made;
}

class Row {
  // What is shown of one recording.
  constructor(name, text, ...buttons) {
    this.name = name;
    this.element = document.createElement("li");
    const title = document.createElement("span");
    title.className = "name";
    title.textContent = name;
    this.bar = document.createElement("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", t("How much of {name} has arrived", { name }));
    this.text = document.createElement("span");
    this.text.className = "faint";
    this.text.textContent = text;
    this.buttons = document.createElement("span");
    this.buttons.append(...buttons);
    this.element.append(title, this.bar, this.text, this.buttons);
    list.append(this.element);
  }

  progress(part, text) {
    this.bar.value = part;
    this.text.className = "faint";
    this.text.textContent = text;
  }

  failed(text, ...buttons) {
    this.text.className = "failed";
    this.text.textContent = text;
    const had = this.buttons.contains(document.activeElement);
    this.buttons.replaceChildren(...buttons);
    if (had) buttons[0]?.focus();
  }

  remove() {
    const had = this.element.contains(document.activeElement);
    this.element.remove();
    if (had) document.querySelector("#choose-files").focus();
  }
}

function send(file, wishes, address = null) {
  let row = null;
  let sending = null;
  const cancel = async () => {
    row.remove();
    say(t("{name} is cancelled.", { name: file.name }));
    await queue.cancel(sending);
  };
  sending = new Sending(file, wishes, {
    progress: (sent, all) => row.progress(sent / all, t("{part} of {whole}", { part: amount(sent), whole: amount(all) })),
    waits: (why) => row.progress(row.bar.value, t("{reason} Trying again…", { reason: why })),
    done: () => {
      arrived += 1;
      row.remove();
      const more = queue.waiting.length;
      const parts = [t("{name} has arrived.", { name: file.name })];
      if (arrived > 1) parts.push(t("{count} have arrived in all.", { count: arrived }));
      if (more) parts.push(tn("{count} is still to go.", "{count} are still to go.", more));
      say(parts.join(" "));
    },
    failed: (why) => {
      const again = () => {
        row.remove();
        send(file, wishes, sending.url);
      };
      row.failed(why, button(t("try again"), file.name, again), button(t("remove"), file.name, cancel));
      say(t("{name} could not be sent: {reason}", { name: file.name, reason: why }));
    },
  });
  sending.url = address;
  for (const [known, before] of begun) {
    if (sending.isThatOf(before.upload)) {
      sending.url = known;
      begun.delete(known);
      before.row.remove();
      break;
    }
  }
  row = new Row(file.name, sending.url ? t("goes on soon") : t("waits"), button(t("cancel"), file.name, cancel));
  queue.add(sending);
}

function add(files) {
  const sniff = "sniff" in zone.dataset;
  const wanted = files.filter((file) => isRecording(file.name, extensions, sniff) && file.size);
  const most = Number(zone.dataset.maxBytes);
  const large = wanted.filter((file) => file.size > most);
  const fresh = wanted.filter((file) => file.size <= most && !queue.has(file));
  const wishes = { folder: wish("folder"), language: wish("language"), task: wish("task") };
  for (const file of fresh) send(file, wishes);
  const parts = [];
  if (fresh.length === 1) parts.push(t("{name} is being sent.", { name: fresh[0].name }));
  else if (fresh.length) parts.push(tn("{count} is being sent.", "{count} are being sent.", fresh.length));
  if (large.length) {
    const names = large.map((file) => file.name).join(", ");
    parts.push(t("Too large (at most {most}): {names}.", { most: amount(most), names }));
  }
  const left = files.length - wanted.length;
  if (left) {
    parts.push(
      tn(
        "{count} is left out: empty, or not named like a recording.",
        "{count} are left out: empty, or not named like a recording.",
        left,
      ),
    );
  }
  if (!files.length) parts.push(t("There is no file in it."));
  if (parts.length) say(parts.join(" "));
}

async function showUnfinished() {
  for (const upload of await unfinished()) {
    const address = addressOf(upload);
    const forget = () => {
      begun.delete(address);
      row.remove();
      say(t("{name} is removed.", { name: upload.name }));
      remove(address);
    };
    const text = t("{part} of {whole}: choose or drop this file again, and it goes on", {
      part: amount(upload.offset),
      whole: amount(upload.size),
    });
    const row = new Row(upload.name, "", button(t("remove"), upload.name, forget));
    row.progress(upload.offset / upload.size, text);
    begun.set(address, { upload, row });
  }
  if (begun.size) {
    say(tn("A recording did not arrive as a whole.", "{count} recordings did not arrive as a whole.", begun.size));
  }
}

async function toggleRecording() {
  if (recording) {
    recording.stop();
    return;
  }
  try {
    recording = await record();
  } catch (error) {
    say(t("The microphone cannot be used: {reason}", { reason: error.message }));
    return;
  }
  recordButton.setAttribute("aria-pressed", "true");
  recordButton.textContent = t("stop, and add it");
  say(t("Recording."));
  const { begun: since } = recording;
  const clock = setInterval(() => {
    const seconds = Math.floor((Date.now() - since) / 1000);
    recorded.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, 500);
  const file = await recording.ended;
  clearInterval(clock);
  recording = null;
  recorded.textContent = "";
  recordButton.setAttribute("aria-pressed", "false");
  recordButton.textContent = t("record from the microphone");
  add([file]);
}

function nameLanguages() {
  const select = document.querySelector("#wish-language");
  const names = new Intl.DisplayNames(document.documentElement.lang, { type: "language" });
  const chosen = select.value;
  const [folder, auto, ...codes] = select.options;
  for (const option of codes) option.textContent = `${names.of(option.value)} (${option.value})`;
  codes.sort((one, other) => one.textContent.localeCompare(other.textContent));
  select.replaceChildren(folder, auto, ...codes);
  select.value = chosen; // taking it out has made another one the chosen one
}

function chosenBy(buttonId, inputId) {
  const input = document.querySelector(inputId);
  document.querySelector(buttonId).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
}

function takeDrops() {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    zone.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    try {
      add(await dropped(event.dataTransfer));
    } catch (error) {
      say(t("What was dropped cannot be read: {reason}", { reason: error.message }));
    }
  });
}

function begin() {
  zone.hidden = false;
  recordButton.hidden = !canRecord();
  recordButton.addEventListener("click", toggleRecording);
  nameLanguages();
  chosenBy("#choose-files", "#files");
  chosenBy("#choose-folder", "#folder-files");
  takeDrops();
  addEventListener("beforeunload", (event) => {
    if (recording || queue.isBusy) event.preventDefault();
  });
  showUnfinished().catch(() => {}); // The server is away; the file can be sent anew.
}

if (zone) begin();
