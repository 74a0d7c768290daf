// What pages share that change while somebody looks at them.

export function whenChanged(act) {
  // Call `act` at once and whenever something has changed. A page that nobody sees costs the daemon nothing.
  let events = null;
  const follow = () => {
    if (document.hidden) {
      events?.close();
      events = null;
    } else if (events === null) {
      events = new EventSource("/api/events");
      events.addEventListener("change", act);
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

export function oneAtATime(act) {
  // Return a function that does something, and once more if it was called meanwhile.
  let busy = false;
  let again = false;
  return async function run() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      do {
        again = false;
        await act();
      } while (again);
    } catch {
      // The server is away; the events begin anew when it is back, and say so at once.
    } finally {
      busy = false;
    }
  };
}

export async function renew(part) {
  // Fetch a part of the page again; what has the focus and what is unfolded stays so.
  const answer = await fetch(part.dataset.from);
  if (answer.redirected) {
    location.reload();
  } else if (answer.ok) {
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const unfolded = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
    part.innerHTML = await answer.text();
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus();
  }
}
