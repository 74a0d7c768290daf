// Links by which somebody without a login may read this transcript.

import { copy } from "/static/copy.js";

const part = document.querySelector("#share");
const form = document.querySelector("#share-form");
const made = document.querySelector("#share-made");
const address = document.querySelector("#share-address");
const told = document.querySelector("#share-said");
const list = document.querySelector("#share-links");
const row = document.querySelector("#share-link");
const texts = part.dataset;

async function ask(path, method = "GET", wish = undefined) {
  // The answer to a request; null once it is told that there is none.
  const options = { method };
  if (wish) Object.assign(options, { body: JSON.stringify(wish), headers: { "Content-Type": "application/json" } });
  try {
    const answer = await fetch(path, options);
    const found = answer.status === 204 ? {} : await answer.json();
    if (answer.ok) return found;
    told.textContent = found.error.message;
  } catch {
    told.textContent = texts.failed;
  }
  return null;
}

function shown(link) {
  const item = row.content.cloneNode(true).firstElementChild;
  item.querySelector(".who").textContent = link.created_by;
  const time = item.querySelector("time");
  time.dateTime = link.expires_at;
  time.textContent = `${link.expires_at.slice(0, 16).replace("T", " ")} UTC`;
  item.querySelector(".heard").hidden = !link.with_recording;
  item.querySelector(".broken").hidden = link.works;
  const button = item.querySelector("button");
  time.id = `share-expires-${link.id}`;
  button.setAttribute("aria-describedby", time.id);
  button.addEventListener("click", () => withdraw(link, button));
  return item;
}

async function listAgain() {
  const links = await ask(texts.from);
  if (links) list.replaceChildren(...links.map(shown));
}

async function withdraw(link, button) {
  button.disabled = true;
  if ((await ask(`${texts.from}/${link.id}`, "DELETE")) === null) {
    button.disabled = false;
    return;
  }
  if (address.dataset.link === String(link.id)) made.hidden = true;
  told.textContent = texts.withdrawn;
  await listAgain();
  form.elements.days.focus();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const wish = { days: form.elements.days.valueAsNumber, with_recording: form.elements.with_recording.checked };
  const link = await ask(texts.from, "POST", wish);
  if (!link) return;
  address.value = new URL(link.address, location.origin);
  address.dataset.link = link.id;
  made.hidden = false;
  address.focus();
  address.select();
  told.textContent = texts.made;
  await listAgain();
});

document.querySelector("#share-copy").addEventListener("click", async () => {
  try {
    await copy(address.value);
    told.textContent = texts.copied;
  } catch {
    told.textContent = texts.notCopied;
    address.select();
  }
});

part.addEventListener("toggle", () => {
  if (part.open) listAgain();
});
form.hidden = false;
