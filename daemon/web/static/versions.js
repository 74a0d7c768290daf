// The versions of a transcript: who saved when; one can be looked at, and made the newest again.

import { Names } from "/static/names.js";
import { writeTimes } from "/static/rows.js";
import { t } from "/static/texts.js";
import { told } from "/static/told.js";
import { moment, Versions } from "/static/versions_api.js";

const details = document.querySelector("#versions");
const names = new Names(document.querySelector("#lines"));
const rows = details.querySelector("#versions-list");
const shown = details.querySelector("#version-shown");
const fail = told(details.querySelector("[role=alert]"));
export const versions = new Versions(document.querySelector("#transcript").dataset.job);
let newest = 0;

function named({ version, author, saved_at, as_machine }) {
  // "Version 2, by ada, 2026-11-29 13:02 UTC"; 0 is the machine's.
  if (version === 0) return t("The machine's");
  const values = { version, author, time: moment(saved_at) };
  if (as_machine)
    return author
      ? t("Version {version}, as the machine had it, by {author}, {time}", values)
      : t("Version {version}, as the machine had it, {time}", values);
  return author ? t("Version {version}, by {author}, {time}", values) : t("Version {version}, {time}", values);
}

export function showNote({ author, saved_at }) {
  // Above the lines: who has corrected them.
  const note = document.querySelector("#edited");
  const time = moment(saved_at);
  note.textContent = author ? t("Corrected by {author}, {time}", { author, time }) : t("Corrected {time}", { time });
  note.hidden = false;
}

function rowFor(version) {
  const row = document.querySelector("#version-row").content.cloneNode(true).firstElementChild;
  const name = named(version);
  row.querySelector("span").textContent = name;
  const [shows, restores] = ["look", "restore"].map((act) => row.querySelector(`[data-do=${act}]`));
  shows.setAttribute("aria-label", t("Look at it: {name}", { name }));
  shows.addEventListener("click", () => look(version));
  restores?.setAttribute("aria-label", t("Make it current again: {name}", { name }));
  restores?.addEventListener("click", () => restore(version));
  if (version.version === newest) restores?.remove();
  return row;
}

export async function renewVersions() {
  // Only where somebody looks.
  if (!details.open) return;
  try {
    const all = await versions.all();
    newest = all[0]?.version ?? 0;
    rows.replaceChildren(...[...all, { version: 0 }].map(rowFor));
    fail("");
  } catch (error) {
    fail(error.message, error.language);
  }
}

async function look({ version }) {
  try {
    const whole = await versions.one(version);
    const made = whole.lines.map((line) => {
      const row = document.querySelector("#row").content.cloneNode(true).firstElementChild;
      writeTimes(row, line);
      if (line.channel && !names.areKnown) row.querySelector(".who").textContent = line.channel;
      else row.querySelector(".who").remove();
      if (names.areKnown) names.put(row, line.speaker);
      else row.querySelector(".name").remove();
      Object.assign(row.querySelector(".text"), { textContent: line.text, lang: line.language });
      return row;
    });
    if (names.areKnown) names.arrange(made);
    const title = shown.querySelector("h3");
    title.textContent = named(whole);
    shown.querySelector("ol").replaceChildren(...made);
    shown.hidden = false;
    fail("");
    title.focus();
  } catch (error) {
    fail(error.message, error.language);
  }
}

async function restore(version) {
  if (!confirm(t("Make this the current version again? {name}", { name: named(version) }))) return;
  try {
    await versions.restore(version.version, newest);
  } catch (error) {
    fail(error.message, error.language);
    if (error.status === 409) await renewVersions();
    return;
  }
  location.reload();
}

async function fromAddress() {
  const asked = /^#version=(\d{1,9})$/.exec(location.hash);
  if (!asked) return;
  details.open = true;
  await look({ version: Number(asked[1]) });
}

details.addEventListener("toggle", renewVersions);
addEventListener("hashchange", fromAddress);
fromAddress();
