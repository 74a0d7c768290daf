// What scripts say, in the language of the page, which brings the texts with it; what is missing is said in English.

const brought = document.querySelector("#texts");
const { singular, texts } = brought ? JSON.parse(brought.textContent) : { singular: [1], texts: {} };

const filled = (text, values) => text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);

export function t(english, values = {}) {
  // A text, with the names of values in braces.
  return filled(texts[english] ?? english, values);
}

export function tn(one, other, count, values = {}) {
  // A text that counts something; the catalogs have it by its plural.
  const forms = texts[other] ?? { one, other };
  const form = singular.includes(count) ? (forms.one ?? forms.other) : forms.other;
  return filled(form, { count, ...values });
}
