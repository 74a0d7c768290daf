// The lines of a transcript as plain values, and what can be done with them. Pure: nothing here touches the page.
// A line is { start_s, end_s, text, channel, language }, perhaps `speaker`, and perhaps `words`, as the machine heard them:
// [{ start_s, end_s, word, unsure }], each word with the space before it.

export const SHORTEST_S = 0.05;
const LATE_S = 1; // players and decoders differ about the length of a recording
const NEW_S = 2;
// Scripts that are written without spaces between words, and their full stops; as in daemon/publish/scripts.py.
const UNSPACED = new RegExp(
  "[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Bopo}\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}\\p{sc=Tibt}" +
    "\\u3000-\\u303f\\uff01-\\uff0f\\uff1a-\\uff20\\uff3b-\\uff3d\\uff3f\\uff5b-\\uff65]",
  "u",
);

const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

export function clock(seconds) {
  // As the page's template prints it: 1:02:03, or 2:03.
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

export function printed(seconds) {
  // To be typed over: 1:02:03.45.
  const hundredths = Math.round(seconds * 100);
  return `${clock(Math.floor(hundredths / 100))}.${String(hundredths % 100).padStart(2, "0")}`;
}

export function parsed(text) {
  // Seconds from 1:02:03.45, 2:03, or 123.45, also with a comma, or as input methods write it; NaN if it is no time.
  const parts = text.normalize("NFKC").trim().replace(",", ".").split(":");
  const last = parts.at(-1);
  const areWhole = parts.slice(0, -1).every((part) => /^\d+$/.test(part));
  const isTime = parts.length <= 3 && areWhole && /^\d+(\.\d*)?$/.test(last);
  if (!isTime || parts.slice(1).some((part) => Number(part) >= 60)) return NaN;
  return rounded(parts.reduce((sum, part) => sum * 60 + Number(part), 0));
}

export function trouble(line, ends) {
  // What is wrong with the times of a line in a recording that ends then: "order", "beyond", or "".
  if (!(line.start_s >= 0 && line.end_s >= line.start_s + SHORTEST_S)) return "order";
  return line.end_s > ends + LATE_S ? "beyond" : "";
}

export function spaceBetween(before, after) {
  // What joins two texts: nothing where neither side's script has spaces.
  if (!before || !after) return "";
  return UNSPACED.test([...before].at(-1)) && UNSPACED.test([...after][0]) ? "" : " ";
}

export const heard = (words) => (words ?? []).map((each) => each.word).join("").trimStart();

function placeInHeard(line, caret) {
  // Where in what was heard a place in the text is; -1 where the text was changed on both sides of it.
  const whole = heard(line.words);
  if (whole.startsWith(line.text.slice(0, caret))) return caret;
  const rest = line.text.slice(caret);
  return rest && whole.endsWith(rest) ? whole.length - rest.length : -1;
}

function border(line, caret) {
  // The times on both sides of a place in the text, and the words on both sides, where they are known.
  const words = line.words ?? [];
  const place = placeInHeard(line, caret);
  let at = 0;
  for (const [nth, { word, start_s, end_s }] of words.entries()) {
    const text = nth ? word : word.trimStart();
    const begins = at + text.length - text.trimStart().length;
    if (place >= 0 && place <= begins && nth) {
      const until = Math.min(words[nth - 1].end_s, start_s);
      return { until, from: start_s, first: words.slice(0, nth), second: words.slice(nth) };
    }
    if (place > begins && place < at + text.length) {
      const inside = start_s + ((end_s - start_s) * (place - begins)) / (at + text.length - begins);
      return { until: inside, from: inside, first: words.slice(0, nth), second: words.slice(nth + 1) };
    }
    at += text.length;
  }
  return null;
}

function byShare(line, caret) {
  const share = line.text.slice(0, caret).trim().length / line.text.trim().length;
  const time = line.start_s + (line.end_s - line.start_s) * share;
  return { until: time, from: time };
}

export function split(line, caret) {
  // The two lines that a line becomes, with the border at a place in its text; null where one would have no text.
  const texts = [line.text.slice(0, caret).trim(), line.text.slice(caret).trim()];
  if (!texts[0] || !texts[1]) return null;
  const found = border(line, caret);
  const isRoom = found && found.until >= line.start_s + SHORTEST_S && found.from <= line.end_s - SHORTEST_S;
  const { until, from, first, second } = isRoom ? found : byShare(line, caret);
  return [
    { ...line, text: texts[0], end_s: rounded(until), words: first },
    { ...line, text: texts[1], start_s: rounded(from), words: second },
  ];
}

export function join(before, after) {
  // The line that two lines become, and the place in its text where they meet; null for those of different channels.
  if (before.channel !== after.channel) return null;
  const [first, second] = [before.text.trim(), after.text.trim()];
  const space = spaceBetween(first, second);
  const rest = (after.words ?? []).map((each, nth) => (nth ? each : { ...each, word: space + each.word.trimStart() }));
  const line = {
    ...before,
    text: first + space + second,
    start_s: Math.min(before.start_s, after.start_s),
    end_s: Math.max(before.end_s, after.end_s),
    words: [...(before.words ?? []), ...rest],
  };
  return { line, caret: first.length + (second ? space.length : 0) };
}

export function placeFor(lines, line) {
  // Where a line belongs among lines in the order of time: after those that begin with it.
  let [low, high] = [0, lines.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lines[middle].start_s <= line.start_s) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function overlaps(lines, at) {
  // Whether a line sounds while another one of its channel does; the files let it begin when that one ends.
  const { start_s, end_s, channel } = lines[at];
  const before = lines.slice(0, at).findLast((line) => line.channel === channel);
  const after = lines.slice(at + 1).find((line) => line.channel === channel);
  return before?.end_s > start_s || after?.start_s < end_s;
}

export function difference(before, after) {
  // The change that makes other lines of some; what is the same at the start and at the end stays, with its words.
  const isKept = (one, other) =>
    one.start_s === other.start_s &&
    one.end_s === other.end_s &&
    one.speaker === other.speaker &&
    one.text.trim() === other.text.trim();
  const most = Math.min(before.length, after.length);
  let [first, last] = [0, 0];
  while (first < most && isKept(before[first], after[first])) first += 1;
  while (last < most - first && isKept(before.at(-1 - last), after.at(-1 - last))) last += 1;
  return { at: first, count: before.length - last - first, added: after.slice(first, after.length - last) };
}

export function blankAfter(line, next, ends) {
  // A line without text in the time that is free after a line, or at its end where none is.
  const until = Math.min(next?.start_s ?? ends, ends);
  if (until - line.end_s >= 2 * SHORTEST_S) return blank(line, line.end_s, Math.min(line.end_s + NEW_S, until));
  const half = (line.start_s + line.end_s) / 2;
  return blank(line, Math.max(half, line.end_s - NEW_S / 2), line.end_s);
}

export function blankAt(seconds, like, ends) {
  // A line without text from this time on.
  const start_s = Math.max(0, Math.min(seconds, ends - NEW_S / 2));
  return blank(like, start_s, Math.min(start_s + NEW_S, ends));
}

function blank({ channel, language, speaker }, start_s, end_s) {
  const who = speaker ? { speaker } : {};
  return { start_s: rounded(start_s), end_s: rounded(end_s), text: "", channel, language, ...who };
}

export function saved(line) {
  // A line as it is sent.
  const { start_s, end_s, text, channel, language, speaker } = line;
  return { start_s, end_s, text: text.trim(), channel, language, ...(speaker ? { speaker } : {}) };
}
