// Keys by name, as editors of subtitles have them: "Mod+S", "Alt+Enter", "Shift+Enter", "Escape".
// "Mod" is Ctrl, on a Mac Cmd. "Alt" is Alt, on a Mac Control: there Option writes characters, and Option+Backspace
// takes words away. Both together are AltGr on Windows, which writes characters, and so stand for nothing.

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const BRACKETS = { BracketLeft: "[", BracketRight: "]" };

function nameOf({ key, code }) {
  // A letter is the one on the key, for Z and Y change places in some countries; where the keys have other scripts, or
  // Alt makes another character, it is the one that the key has in English.
  if (/^[a-z]$/i.test(key)) return key.toUpperCase();
  if (/^Key[A-Z]$/.test(code)) return code.slice(3);
  return BRACKETS[code] ?? key;
}

export function named(event) {
  // "" for what is no key of the editor, as while an input method composes a character.
  if (event.isComposing || event.keyCode === 229 || event.getModifierState("AltGraph")) return "";
  const [mod, alt, other] = IS_MAC
    ? [event.metaKey, event.ctrlKey, event.altKey]
    : [event.ctrlKey, event.altKey, event.metaKey];
  if (other || (mod && alt)) return "";
  return `${mod ? "Mod+" : ""}${alt ? "Alt+" : ""}${event.shiftKey ? "Shift+" : ""}${nameOf(event)}`;
}

export function actOnKeys(keys, event) {
  // Do what a key stands for, and nothing else.
  const act = keys[named(event)];
  if (!act || act(event) === false) return;
  event.preventDefault();
  event.stopPropagation();
}
