// The lines while somebody corrects them. One of them is open, with fields for its times and its text.
// A place is { at, field, caret }: a line, and what is in focus there: "start", "end", "speaker", "text", or else "row".

import { blankAfter, blankAt, difference, join, overlaps } from "/static/edit_lines.js";
import { placeFor, printed, split, trouble } from "/static/edit_lines.js";
import { History } from "/static/history.js";
import { complaint, LineFields } from "/static/line_fields.js";
import { Rows, wordsOf, writeText, writeTimes } from "/static/rows.js";
import { t } from "/static/texts.js";

export class LineEditor {
  constructor(list, lines, { ends, language, player, tell, changed, otherwise }) {
    // `ends`: the seconds of the recording; `language`: where no line tells it; `tell` says something; `changed` is
    // called after each change; `otherwise` is focused when no line is left.
    Object.assign(this, { ends, language, player, tell, changed, otherwise });
    this.history = new History(lines);
    this.rows = new Rows(list);
    this.rows.arrange(lines);
    this.rows.edit(true);
    this.at = -1;
    this.visit = 0;
    this.fields = new LineFields({
      typed: (text, caret) => this.#type(text, caret),
      // After the focus has gone where it goes, for the line may have to move.
      timed: () => setTimeout(() => this.commit({ moves: false })),
      spoken: (speaker, name) => this.#say(speaker, name),
      undo: () => this.undo(),
      redo: () => this.redo(),
    });
    this.fields.text.addEventListener("blur", () => this.#leave());
    this.#renewPlayer();
  }

  get lines() {
    return this.history.lines;
  }

  get line() {
    return this.lines[this.at];
  }

  get row() {
    return this.rows.all[this.at];
  }

  get place() {
    const field = document.activeElement === this.row ? "row" : (this.fields.focused ?? "text");
    return { at: this.at, field, caret: this.fields.caret };
  }

  get isTypingTime() {
    return Boolean(this.line) && ["start", "end"].includes(this.fields.focused) && this.fields.isTyped(this.line);
  }

  #renewPlayer(lines = this.lines) {
    const starts = lines.map((line) => line.start_s);
    this.player.renew(this.rows.all, starts);
  }

  // -- which line is open ------------------------------------------------------------------------------------

  open(place) {
    // Open a line, if the times that were typed into the one before are right.
    if (this.commit()) this.#show(place);
  }

  openRow(row, caret) {
    if (this.commit()) this.#show({ at: this.rows.all.indexOf(row), field: "text", caret });
  }

  go(step) {
    // To a line before or after, and there to the same field.
    if (!this.commit()) return;
    const to = this.at + step;
    if (to < 0) this.tell(t("This is the first line."));
    else if (to >= this.lines.length) this.tell(t("This is the last line."));
    else this.#show({ ...this.place, at: to, caret: null });
  }

  #show({ at, field = "text", caret = null }) {
    if (at !== this.at) this.#attach(Math.min(at, this.lines.length - 1));
    if (!this.line) {
      this.otherwise.focus();
      return;
    }
    this.fields.fill(this.line);
    if (field === "row") this.row.focus();
    else this.fields.focus(field, caret);
    this.row.scrollIntoView({ block: "nearest" });
  }

  #attach(at) {
    this.close();
    this.at = at;
    if (!this.line) return;
    this.visit += 1;
    this.line.words ??= wordsOf(this.row);
    this.row.classList.add("open");
    this.row.append(this.fields.element);
  }

  close() {
    // No line is open. Before lines are changed, for what is open belongs to those of before.
    this.#leave();
    this.row?.classList.remove("open");
    this.fields.element.remove();
    this.at = -1;
  }

  #leave() {
    // What is typed next is another step; what was typed can be copied, and is found by the browser.
    this.history.seal();
    if (this.line) writeText(this.row, this.line);
  }

  escape() {
    // End typing: the line itself is in focus, and the keys of the player work.
    if (!this.line) return;
    if (!this.commit({ moves: false })) this.fields.fill(this.line);
    this.row.focus();
  }

  // -- text and times ----------------------------------------------------------------------------------------

  #type(text, caret) {
    const [before, after] = [{ ...this.place, caret }, this.place];
    const added = [{ ...this.line, text }];
    this.history.change({ at: this.at, count: 1, added, before, after, kind: `text ${this.visit}` });
    this.changed();
  }

  commit({ moves = true } = {}) {
    // Take over the times that were typed, and return whether they are right; if not, the focus moves to what is wrong.
    return !this.line || this.#retime(this.fields.times(this.line), moves);
  }

  timeFromPlayer(field) {
    // The start or the end of the line is what plays now.
    if (!this.line || !this.commit()) return;
    const seconds = Math.round(this.player.media.currentTime * 1000) / 1000;
    const time = printed(seconds);
    this.tell(field === "start" ? t("The line starts at {time}.", { time }) : t("The line ends at {time}.", { time }));
    if (!this.#retime({ ...this.line, [`${field}_s`]: seconds }, false)) this.tell("");
  }

  #retime(line, moves) {
    const isSame = line.start_s === this.line.start_s && line.end_s === this.line.end_s;
    const wrong = isSame ? "" : trouble(line, this.ends);
    if (wrong) {
      const isStart = Number.isNaN(line.start_s) || (wrong === "order" && line.end_s === this.line.end_s);
      this.fields.complain(isStart ? "start" : "end", complaint(line, this.ends, wrong));
      if (moves) this.fields.focus(isStart ? "start" : "end");
      return false;
    }
    if (isSame) this.fields.complain(null, "");
    else this.#replace(line);
    return true;
  }

  #replace(line) {
    // The open line with other times: it moves where its start belongs.
    const { at, place: before } = this;
    const [earlier, later] = [this.lines[at - 1], this.lines[at + 1]];
    const stays = !(earlier?.start_s > line.start_s) && !(later?.start_s < line.start_s);
    const others = this.lines.toSpliced(at, 1);
    const to = stays ? at : placeFor(others, line);
    const first = Math.min(at, to);
    const added = others.toSpliced(to, 0, line).slice(first, Math.max(at, to) + 1);
    const held = this.fields.element.contains(document.activeElement) ? document.activeElement : null;
    if (!stays) this.close();
    this.history.seal();
    const after = { ...before, at: to };
    this.history.change({ at: first, count: added.length, added, before, after });
    if (stays) writeTimes(this.row, line);
    else {
      this.rows.splice(first, added.length, added);
      this.#attach(to);
      held?.focus();
    }
    this.#renewPlayer();
    this.fields.fill(line);
    this.changed();
    if (overlaps(this.lines, to))
      this.tell(
        t("The line overlaps another one: in the files, the later of the two begins when the earlier one ends."),
      );
  }

  #say(speaker, name) {
    // Somebody else says the line.
    if (!this.commit()) {
      this.fields.fillSpeaker(this.line);
      return;
    }
    const after = { at: this.at, field: "speaker" };
    this.#change(this.at, 1, [{ ...this.line, speaker }], after, t("{name} says the line.", { name }));
  }

  // -- whole lines -------------------------------------------------------------------------------------------

  #apply({ at, count, added, place }, text) {
    this.rows.splice(at, count, added);
    this.#renewPlayer();
    this.#show(place);
    this.changed();
    this.tell(text);
  }

  #change(at, count, added, after, text) {
    const before = this.place;
    this.close();
    this.#apply(this.history.change({ at, count, added, before, after }), text);
  }

  split() {
    if (!this.line || !this.commit()) return;
    const parts = split(this.line, this.fields.caret);
    if (!parts) {
      this.tell(t("Put the caret where the line is to be split, between two words."));
      return;
    }
    // The second part may begin after lines that overlap the whole.
    const { at } = this;
    let to = at + 1;
    while (this.lines[to]?.start_s < parts[1].start_s) to += 1;
    const added = [parts[0], ...this.lines.slice(at + 1, to), parts[1]];
    const time = printed(parts[1].start_s);
    this.#change(at, to - at, added, { at: to, caret: 0 }, t("Split in two at {time}.", { time }));
  }

  join(step) {
    // With the next line (1), or with the one before (-1).
    if (!this.line || !this.commit()) return;
    const at = step < 0 ? this.at - 1 : this.at;
    const [first, second] = [this.lines[at], this.lines[at + 1]];
    if (!first || !second) {
      this.tell(first ? t("This is the last line.") : t("This is the first line."));
      return;
    }
    for (const [nth, line] of [first, second].entries()) line.words ??= wordsOf(this.rows.all[at + nth]);
    const joined = join(first, second);
    if (!joined) this.tell(t("Lines of two channels cannot be joined."));
    else this.#change(at, 2, [joined.line], { at, caret: joined.caret }, t("Two lines were joined."));
  }

  remove() {
    if (!this.line) return;
    const after = { at: Math.min(this.at, this.lines.length - 2), caret: 0 };
    this.#change(this.at, 1, [], after, t("The line was deleted."));
  }

  addAfter() {
    if (this.line && this.commit()) this.insert(blankAfter(this.line, this.lines[this.at + 1], this.ends));
  }

  addAt(seconds) {
    if (this.commit()) this.insert(blankAt(seconds, this.#like(seconds), this.ends));
  }

  restore(line) {
    // Put in what was left out, or open it where it is in already.
    if (!this.commit()) return;
    const isThere = (each) => each.start_s === line.start_s && each.text.trim() === line.text.trim();
    const at = this.lines.findIndex(isThere);
    if (at >= 0) this.#show({ at });
    else this.insert({ ...this.#like(line.start_s), ...line });
  }

  #like(seconds) {
    // The channel, the language and the speaker of what is said before.
    const before = this.lines[Math.max(0, placeFor(this.lines, { start_s: seconds }) - 1)];
    const who = before?.speaker ? { speaker: before.speaker } : {};
    return { channel: before?.channel ?? 0, language: before?.language ?? this.language, ...who };
  }

  insert(line) {
    // Put a line in at its time.
    const at = placeFor(this.lines, line);
    this.#change(at, 0, [line], { at, caret: 0 }, t("A line was added at {time}.", { time: printed(line.start_s) }));
  }

  replaceAll(lines) {
    const { at, count, added } = difference(this.lines, lines);
    const after = { at: Math.min(at, lines.length - 1), caret: null };
    this.#change(at, count, added, after, t("Your changes are here again; they are not saved yet."));
  }

  undo() {
    if (!this.history.canUndo) this.tell(t("There is nothing to undo."));
    else {
      this.close();
      this.#apply(this.history.undo(), t("Undone."));
    }
  }

  redo() {
    if (!this.history.canRedo) this.tell(t("There is nothing to do again."));
    else {
      this.close();
      this.#apply(this.history.redo(), t("Done again."));
    }
  }

  end(lines) {
    // Show these lines, and correct no more.
    this.close();
    this.rows.arrange(lines);
    this.rows.edit(false);
    this.#renewPlayer(lines);
  }
}
