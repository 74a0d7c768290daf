// Records from the microphone into a file.

import { t } from "./texts.js";

const KINDS = [
  ["audio/webm;codecs=opus", ".webm"],
  ["audio/mp4", ".m4a"],
  ["audio/ogg;codecs=opus", ".ogg"],
];
const PART_MS = 1000;

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);

function named(begun, extension) {
  const two = (number) => String(number).padStart(2, "0");
  const date = [begun.getFullYear(), two(begun.getMonth() + 1), two(begun.getDate())].join("-");
  const time = [begun.getHours(), begun.getMinutes(), begun.getSeconds()].map(two).join(".");
  return `${t("Recording {date} {time}", { date, time })}${extension}`;
}

export async function record() {
  // Begins; `ended` is a promise of the file, also where the microphone is pulled out.
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const [type, extension] = KINDS.find(([kind]) => MediaRecorder.isTypeSupported(kind)) ?? ["", ".webm"];
  const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
  const begun = new Date();
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const ended = new Promise((resolve) => {
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      resolve(new File(parts, named(begun, extension), { type: recorder.mimeType, lastModified: Date.now() }));
    });
  });
  recorder.start(PART_MS);
  return { begun, ended, stop: () => recorder.state !== "inactive" && recorder.stop() };
}
