// The fields of the line that is open: its times, who says it, where that is known, and its text.

import { parsed, printed } from "/static/edit_lines.js";
import { t } from "/static/texts.js";

const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");
const LINE_ENDS = /\s*[\r\n]+\s*/g;

export class LineFields {
  constructor({ typed, timed, spoken, undo, redo }) {
    // `typed` is called with each change of the text and the place of the caret before, `timed` when a time was typed,
    // `spoken` with the speaker that was chosen, and the name.
    this.element = document.querySelector("#line-editor").content.cloneNode(true).firstElementChild;
    const field = (name) => this.element.querySelector(`[name=${name}]`);
    [this.start, this.end, this.text] = [field("start"), field("end"), field("text")];
    this.speaker = field("speaker");
    this.speaker?.addEventListener("change", () => spoken(this.speaker.value, this.speaker.selectedOptions[0].text));
    this.complaint = this.element.querySelector("[role=alert]");
    let caret = 0;
    for (const time of [this.start, this.end]) time.addEventListener("change", timed);
    this.text.addEventListener("beforeinput", (event) => {
      caret = this.caret;
      if (!event.inputType.startsWith("history")) return;
      event.preventDefault(); // the browser's own undo knows of this field alone
      if (event.inputType === "historyUndo") undo();
      else redo();
    });
    this.text.addEventListener("input", () => {
      this.#putInOneLine();
      this.#grow();
      typed(this.text.value, caret);
    });
  }

  get caret() {
    return this.text.selectionStart;
  }

  get focused() {
    // "start", "end", "speaker" or "text"; null where something else is in focus.
    const { activeElement } = document;
    return this.element.contains(activeElement) ? activeElement.getAttribute("name") : null;
  }

  isTyped(line) {
    // Whether a time was typed that the line does not have yet.
    return this.start.value !== printed(line.start_s) || this.end.value !== printed(line.end_s);
  }

  times(line) {
    // The line with the times as they were typed. What was not touched keeps more digits than are shown.
    const time = (field, seconds) => (field.value === printed(seconds) ? seconds : parsed(field.value));
    return { ...line, start_s: time(this.start, line.start_s), end_s: time(this.end, line.end_s) };
  }

  fill(line) {
    [this.start.value, this.end.value] = [printed(line.start_s), printed(line.end_s)];
    this.fillSpeaker(line);
    if (this.text.value !== line.text) this.text.value = line.text;
    this.text.lang = line.language;
    this.complain(null, "");
    this.#grow();
  }

  fillSpeaker(line) {
    // Nobody, where it is not known who says the line.
    if (this.speaker) this.speaker.value = line.speaker ?? "";
  }

  focus(field, caret) {
    const element = this[field];
    element.focus();
    if (["start", "end"].includes(field)) element.select();
    else if (field === "text") element.setSelectionRange(caret ?? element.value.length, caret ?? element.value.length);
  }

  complain(field, text) {
    for (const each of ["start", "end"]) this[each].setAttribute("aria-invalid", String(each === field));
    this.complaint.textContent = text;
  }

  #putInOneLine() {
    // What is pasted may have several.
    if (!/[\r\n]/.test(this.text.value)) return;
    const caret = this.text.value.slice(0, this.caret).replace(LINE_ENDS, " ").length;
    this.text.value = this.text.value.replace(LINE_ENDS, " ");
    this.text.setSelectionRange(caret, caret);
  }

  #grow() {
    if (GROWS_BY_ITSELF) return;
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight + this.text.offsetHeight - this.text.clientHeight}px`;
  }
}

export function complaint(line, ends, wrong) {
  // What to say of wrong times.
  if (Number.isNaN(line.start_s) || Number.isNaN(line.end_s))
    return t("Write the time like {long} or {short}.", { long: "1:02:03.45", short: "2:03" });
  return wrong === "order"
    ? t("The end must be later than the start.")
    : t("The recording ends at {time}.", { time: printed(ends) });
}
