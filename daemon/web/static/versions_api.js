// Asks the server about the versions of a transcript.

import { t } from "/static/texts.js";

const PATIENCE_MS = 150_000; // longer than the server waits for what is sent

export class Refused extends Error {
  // `language` is that of the message: what the server says is in English, as it says it to programs.
  constructor(status, message, language = document.documentElement.lang) {
    super(message);
    Object.assign(this, { status, language });
  }
}

async function refused(answer) {
  const { status } = answer;
  if (status === 401)
    throw new Refused(status, t("You are logged out: log in again in another tab, then try again here."));
  try {
    const { message, hint } = (await answer.json()).error;
    throw new Refused(status, hint ? `${message}; ${hint}` : message, "en");
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(status, t("The server answered {status}.", { status }));
  }
}

async function ask(address, options) {
  // Raises Refused, with status 0 where there is no answer.
  let answer;
  try {
    answer = await fetch(address, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return await answer.json();
  } catch {
    // There is no answer, it broke off, or somebody between has answered.
    throw new Refused(0, t("The server cannot be reached."));
  }
  return refused(answer);
}

export class Versions {
  constructor(job) {
    this.address = `/api/jobs/${job}/versions`;
  }

  all() {
    return ask(this.address);
  }

  one(version) {
    return ask(`${this.address}/${version}`);
  }

  #post(address, content) {
    const headers = { "Content-Type": "application/json" };
    return ask(address, { method: "POST", headers, body: JSON.stringify(content) });
  }

  save(basedOn, lines) {
    return this.#post(this.address, { based_on: basedOn, lines });
  }

  restore(version, basedOn) {
    return this.#post(`${this.address}/${version}/restore`, { based_on: basedOn });
  }
}

export const moment = (time) => `${time.slice(0, 16).replace("T", " ")} UTC`;
