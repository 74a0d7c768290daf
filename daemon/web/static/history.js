// Every change of a list of lines, to be undone and done again, without limit. Pure.
// A change takes some lines away at one place and puts others there; `before` and `after` say where somebody was.

export const REST_MS = 1000;

export class History {
  #past = [];
  #future = [];
  #saved = null;

  constructor(lines) {
    this.lines = lines;
  }

  get mark() {
    // What was done last; `saved` is told it.
    return this.#past.at(-1) ?? null;
  }

  get isChanged() {
    return this.mark !== this.#saved;
  }

  saved(mark) {
    // All up to there is saved.
    this.#saved = mark;
  }

  seal() {
    // What comes next is a step of its own.
    if (this.mark) this.mark.kind = null;
  }

  change({ at, count, added, before, after, kind = null, now = performance.now() }) {
    // Changes of the same kind, such as typing in a line, that follow without a rest are one step.
    const removed = this.lines.splice(at, count, ...added);
    const last = this.mark;
    const goesOn = kind !== null && last?.kind === kind && last !== this.#saved && now - last.changedAt < REST_MS;
    if (goesOn) Object.assign(last, { added, after, changedAt: now });
    else this.#past.push({ at, removed, added, before, after, kind, changedAt: now });
    this.#future = [];
    return { at, count, added, place: after };
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  undo() {
    // What has to be drawn again.
    const step = this.#past.pop();
    this.seal();
    this.#future.push(step);
    this.lines.splice(step.at, step.added.length, ...step.removed);
    return { at: step.at, count: step.added.length, added: step.removed, place: step.before };
  }

  redo() {
    const step = this.#future.pop();
    step.kind = null;
    this.#past.push(step);
    this.lines.splice(step.at, step.removed.length, ...step.added);
    return { at: step.at, count: step.removed.length, added: step.added, place: step.after };
  }
}
