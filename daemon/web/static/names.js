// Who speaks: the names that stand where the voice changes, in their colours.

export const COLOURS = 6;

export class Names {
  constructor(list) {
    // { S1: ["Ada", 1] }: what each speaker is called, and the number of the colour.
    this.speakers = JSON.parse(list.dataset.speakers ?? "{}");
  }

  get areKnown() {
    return Object.keys(this.speakers).length > 0;
  }

  put(row, speaker = "") {
    // Whose line a row is; `arrange` says so.
    const [, colour] = this.speakers[speaker] ?? [];
    row.dataset.speaker = speaker;
    if (colour) row.className = `channel-${colour % COLOURS}`;
  }

  arrange(rows) {
    // Show each name where it changes.
    let before = "";
    for (const row of rows) {
      const [name = ""] = this.speakers[row.dataset.speaker] ?? [];
      const shown = row.querySelector(".name");
      const text = name === before ? "" : name;
      if (shown.textContent !== text) shown.textContent = text;
      before = name;
    }
  }
}
