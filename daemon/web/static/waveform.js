// How loud the recording is, as the daemon has heard it; a click plays from there. The player's own slider does the same
// for keys and screen readers.

const LEVELS_PER_S = 20;
const BAR = 3;

export async function show(canvas, media) {
  let levels;
  try {
    const answer = await fetch(canvas.dataset.from);
    levels = new Uint8Array(await answer.arrayBuffer());
    if (!answer.ok || !levels.length) return;
  } catch {
    return; // without it the player is all there is
  }
  const length = levels.length / LEVELS_PER_S;
  canvas.hidden = false;

  function draw() {
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const to = canvas.getContext("2d");
    to.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const played = (media.currentTime / length) * width;
    for (let x = 0; x < width; x += BAR) {
      const from = Math.floor((x / width) * levels.length);
      const until = Math.max(from + 1, Math.floor(((x + BAR) / width) * levels.length));
      let peak = 0;
      for (let at = from; at < until && at < levels.length; at += 1) peak = Math.max(peak, levels[at]);
      // Loudness as people hear it: half as loud is 10 dB less.
      const tall = Math.max(1, Math.sqrt(peak / 255) * height);
      to.fillStyle = x < played ? style.color : style.borderColor;
      to.fillRect(x, (height - tall) / 2, BAR - 1, tall);
    }
  }

  canvas.addEventListener("pointerdown", (event) => {
    media.currentTime = (event.offsetX / canvas.clientWidth) * length;
  });
  for (const change of ["timeupdate", "seeked"]) media.addEventListener(change, draw);
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
