// Sends recordings one after another by the tus protocol; what breaks off goes on where it was.

import { t } from "./texts.js";

const ENDPOINT = "/api/uploads";
const PART_BYTES = 32 * 1024 * 1024;
const DELAYS_MS = [0, 500, 1000, 2000, 5000, ...Array(60).fill(10_000)];
const AGAIN = new Set([0, 408, 409, 423, 429, 500, 502, 503, 504, 507]);

const status = (error) => error.originalResponse?.getStatus() ?? 0;

function reason(error) {
  // What the server says of it, in words.
  if (status(error) === 401) return t("You are logged out: load this page again, log in, and choose the file again.");
  try {
    const { message, hint } = JSON.parse(error.originalResponse.getBody()).error;
    return hint ? `${message}; ${hint}` : message;
  } catch {
    if (!status(error)) return t("The server cannot be reached.");
    return t("The server answered {status}.", { status: status(error) });
  }
}

export class Sending {
  // One file: `told` hears of what becomes of it.
  constructor(file, wishes, told) {
    this.file = file;
    this.told = told;
    this.metadata = { filename: file.name, modified: String(file.lastModified), ...wishes };
    this.url = null;
    this.ends = null;
  }

  isThatOf(upload) {
    // Whether this file was begun as an upload that the server has: then it goes on with that.
    const { name, lastModified, size } = this.file;
    const said = upload.metadata;
    return said.filename === name && said.modified === String(lastModified) && upload.size === size;
  }

  send() {
    // Resolves when it has ended in one way or another.
    return new Promise((resolve) => {
      this.ends = resolve;
      this.upload = new tus.Upload(this.file, {
        endpoint: ENDPOINT,
        uploadUrl: this.url,
        metadata: this.metadata,
        chunkSize: PART_BYTES,
        retryDelays: DELAYS_MS,
        storeFingerprintForResuming: false,
        onShouldRetry: (error) => {
          const again = AGAIN.has(status(error));
          if (again) this.told.waits(reason(error));
          return again;
        },
        onUploadUrlAvailable: () => (this.url = this.upload.url),
        onProgress: (sent, all) => this.told.progress(sent, all),
        onSuccess: () => {
          this.told.done();
          resolve();
        },
        onError: (error) => {
          this.told.failed(reason(error));
          resolve();
        },
      });
      this.upload.start();
    });
  }

  async cancel() {
    // What has arrived is removed; where the server is away, it does that by itself after a day.
    const { url } = this;
    await this.upload?.abort();
    if (url) await remove(url);
    this.ends?.();
  }
}

export async function remove(url) {
  await tus.Upload.terminate(url, { retryDelays: [0, 300, 1000, 3000] }).catch(() => {});
}

export async function unfinished() {
  // What the server has of uploads that broke off.
  const answer = await fetch(ENDPOINT);
  return answer.ok ? answer.json() : [];
}

export const addressOf = (upload) => `${ENDPOINT}/${upload.id}`;

export class Queue {
  constructor() {
    this.waiting = [];
    this.current = null;
  }

  get isBusy() {
    return this.current !== null;
  }

  has(file) {
    const all = this.current ? [this.current, ...this.waiting] : this.waiting;
    return all.some(
      (each) =>
        each.file.name === file.name && each.file.size === file.size && each.file.lastModified === file.lastModified,
    );
  }

  async add(sending) {
    this.waiting.push(sending);
    if (this.isBusy) return;
    while ((this.current = this.waiting.shift() ?? null)) await this.current.send();
  }

  async cancel(sending) {
    this.waiting = this.waiting.filter((each) => each !== sending);
    await sending.cancel();
  }
}
