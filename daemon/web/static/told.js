// Says something to screen readers.

export function told(element) {
  // Returns a function that says something where screen readers listen, also twice the same.
  let waits = 0;
  return (text) => {
    clearTimeout(waits);
    if (element.textContent === text) element.textContent = "";
    waits = setTimeout(() => (element.textContent = text));
  };
}
