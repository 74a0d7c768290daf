// Says something where screen readers listen.

export function told(element) {
  // A function that says a text in an element, also twice the same, in the language of the page or another one.
  let waits = 0;
  return (text, language = document.documentElement.lang) => {
    clearTimeout(waits);
    element.lang = language;
    if (element.textContent === text) element.textContent = "";
    waits = setTimeout(() => (element.textContent = text));
  };
}
