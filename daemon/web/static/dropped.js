// The files in what somebody drops or chooses: those of folders as well, without their folders.

async function inFolder(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    // A reader gives a hundred at a time, and none at the end.
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}

async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const found = [];
  for (const inner of await inFolder(entry)) found.push(...(await filesOf(inner)));
  return found;
}

export async function dropped(transfer) {
  // What is dropped can only be asked for before anything is waited for.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) {
    if (entry instanceof File) found.push(entry);
    else if (entry) found.push(...(await filesOf(entry)));
  }
  return found;
}

export function isRecording(name, extensions, sniff) {
  // As the daemon tells them (daemon/config/extensions.py).
  const extension = /.(\.[0-9_-]*[a-z][a-z0-9_-]{0,15})$/i.exec(name)?.[1].toLowerCase();
  return !name.startsWith(".") && (extension ? extensions.has(extension) : sniff);
}
