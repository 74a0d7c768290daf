// Says something where screen readers listen.

export function told(element) {
  // A function that says a text in an element, also twice the same.
  let waits = 0;
  return (text) => {
    clearTimeout(waits);
    if (element.textContent === text) element.textContent = "";
    waits = setTimeout(() => (element.textContent = text));
  };
}
