// Links by which somebody without a login may read this transcript.

import { copy } from "/static/copy.js";
import { t } from "/static/texts.js";
import { told } from "/static/told.js";
import { moment } from "/static/versions_api.js";

const part = document.querySelector("#share");
const form = document.querySelector("#share-form");
const made = document.querySelector("#share-made");
const address = document.querySelector("#share-address");
const tell = told(document.querySelector("#share-said"));
const list = document.querySelector("#share-links");
const row = document.querySelector("#share-link");
const from = part.dataset.from;
let isMaking = false;

async function ask(path, method = "GET", wish = undefined) {
  // The answer to a request; null once it is told that there is none.
  const options = { method };
  if (wish) Object.assign(options, { body: JSON.stringify(wish), headers: { "Content-Type": "application/json" } });
  try {
    const answer = await fetch(path, options);
    const found = answer.status === 204 ? {} : await answer.json();
    if (answer.ok) return found;
    tell(found.error.message, "en");
  } catch {
    tell(t("The server cannot be reached: try again."));
  }
  return null;
}

function shown(link) {
  const item = row.content.cloneNode(true).firstElementChild;
  item.querySelector(".who").textContent = link.created_by;
  const time = item.querySelector("time");
  time.dateTime = link.expires_at;
  time.textContent = t("Expires: {time}", { time: moment(link.expires_at) });
  item.querySelector(".heard").hidden = !link.with_recording;
  item.querySelector(".broken").hidden = link.works;
  const button = item.querySelector("button");
  time.id = `share-expires-${link.id}`;
  button.setAttribute("aria-describedby", time.id);
  button.addEventListener("click", () => withdraw(link, button));
  return item;
}

async function listAgain() {
  const links = await ask(from);
  if (links) list.replaceChildren(...links.map(shown));
}

async function withdraw(link, button) {
  button.disabled = true;
  if ((await ask(`${from}/${link.id}`, "DELETE")) === null) {
    button.disabled = false;
    return;
  }
  if (address.dataset.link === String(link.id)) made.hidden = true;
  tell(t("The link is withdrawn."));
  await listAgain();
  form.elements.days.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isMaking) return; // a double click makes one link
  isMaking = true;
  const wish = { days: form.elements.days.valueAsNumber, with_recording: form.elements.with_recording.checked };
  const link = await ask(from, "POST", wish);
  isMaking = false;
  if (!link) return;
  address.value = new URL(link.address, location.origin);
  address.dataset.link = link.id;
  made.hidden = false;
  address.focus();
  address.select();
  tell(t("The link is made. Copy it now: it is not shown again."));
  await listAgain();
});

document.querySelector("#share-copy").addEventListener("click", async () => {
  try {
    await copy(address.value);
    tell(t("Copied."));
  } catch {
    tell(t("This browser does not let the page copy: select the link."));
    address.select();
  }
});

part.addEventListener("toggle", () => {
  if (part.open) listAgain();
});
form.hidden = false;
