// What scripts say stands in the page's templates: <p data-says="NAME">…{value}…</p>.

export function says(name, values = {}) {
  const text = document.querySelector("#says").content.querySelector(`[data-says="${name}"]`).textContent;
  return text.replace(/\{(\w+)\}/g, (_, value) => values[value]);
}

export function told(element) {
  // Returns a function that says something where screen readers listen, also twice the same.
  let waits = 0;
  return (text) => {
    clearTimeout(waits);
    if (element.textContent === text) element.textContent = "";
    waits = setTimeout(() => (element.textContent = text));
  };
}
