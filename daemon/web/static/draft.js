// What somebody has not saved yet, kept in the browser, so that a crash of it loses nothing.

const EVERY_MS = 500;

export class Draft {
  #waits = 0;
  #known = null; // as this page has read or written it last; another one may have written since

  constructor(name) {
    // Of whom and of which recording: others may use the same browser.
    this.key = `transcribed.draft.${name}`;
  }

  read() {
    // { base, at, lines }; null where there is none.
    try {
      this.#known = localStorage.getItem(this.key);
      const draft = JSON.parse(this.#known);
      return Array.isArray(draft?.lines) && Number.isInteger(draft.base) ? draft : null;
    } catch {
      return null;
    }
  }

  keepSoon(make, failed) {
    // Not with every key: six hours of text take some milliseconds to write.
    this.#waits ||= setTimeout(() => this.keep(make, failed), EVERY_MS);
  }

  keep(make, failed) {
    this.#forget();
    try {
      const whole = JSON.stringify(make());
      localStorage.setItem(this.key, whole);
      this.#known = whole;
    } catch {
      failed(); // the browser keeps nothing, or has no room left
    }
  }

  remove() {
    // What somebody types in another tab stays.
    this.#forget();
    try {
      if (localStorage.getItem(this.key) === this.#known) localStorage.removeItem(this.key);
    } catch {
      // then there is none
    }
  }

  #forget() {
    clearTimeout(this.#waits);
    this.#waits = 0;
  }
}
