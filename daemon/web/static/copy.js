// Copies a transcript, with or without its times; who speaks is named where that changes.

import { t } from "/static/texts.js";

function textOf(lines, what) {
  return lines
    .map((line) => {
      const name = line.querySelector(".name")?.textContent;
      const text = (name ? `${name}: ` : "") + line.querySelector(".text").textContent.trim();
      return what === "times" ? `${line.querySelector(".time").textContent.trim()}\t${text}` : text;
    })
    .join("\n");
}

export async function copy(text) {
  // Browsers give the clipboard only to pages of this machine and to those that are served over TLS.
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.body.appendChild(document.createElement("textarea"));
  field.value = text;
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("the browser refuses");
}

export function offerCopies(linesNow) {
  const told = document.querySelector("#copied");
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", async () => {
      told.textContent = "";
      try {
        await copy(textOf(linesNow(), button.dataset.copy));
        told.textContent = t("Copied.");
      } catch {
        told.textContent = t("This browser does not let the page copy: select the text, or take a file.");
      }
    });
  }
}
