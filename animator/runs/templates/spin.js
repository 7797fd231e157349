(() => {
  "use strict";
  const spin = document.getElementById("spin"), hint = document.getElementById("hint");
  const canvas = spin.querySelector("canvas"), context = canvas.getContext("2d");
  const views = [...spin.querySelectorAll("img")], count = views.length;
  const full = spin.dataset.full === "yes", forward = Number(spin.dataset.forward);
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const FRICTION = 0.325, SLOWEST = 0.8, FASTEST = 3 * count;  // seconds; views per second

  // `place` counts views to the right: the way that dragging and the right arrow turn the product.
  const toView = (place) => full ? (forward * place + count * 2) % count : forward > 0 ? place : count - 1 - place;
  const limit = (place) => full ? ((place % count) + count) % count : Math.min(Math.max(place, 0), count - 1);
  let place = Number(spin.getAttribute("aria-valuenow"));
  let speed = 0, turns = false, way = forward, held = null, trail = [], before = 0, waiting = false, shown = -1;

  const show = () => {
    const at = Math.round(limit(place)) % count, view = Math.round(toView(at)) % count;
    if (view !== shown) context.drawImage(views[view], 0, 0, canvas.width, canvas.height);
    shown = view;
    if (turns) return;  // a turn that nobody asked for is not announced
    spin.setAttribute("aria-valuenow", at);
    const said = full ? Math.round(360 * at / count) + " degrees" : "view " + (at + 1) + " of " + count;
    spin.setAttribute("aria-valuetext", said);
  };

  const step = (now) => {
    waiting = false;
    const passed = Math.min(Math.max((now - before) / 1000, 0), 0.05);
    before = now;
    if (turns) {
      place += way * passed * count / Number(spin.dataset.seconds);
      if (!full && (place < 0 || place > count - 1)) way = -way;
    } else {
      place += speed * passed;
      speed *= Math.exp(-passed / FRICTION);
      if (Math.abs(speed) < SLOWEST || (!full && place !== limit(place))) speed = 0;
    }
    place = limit(place);
    show();
    run();
  };
  const run = () => {
    if (waiting || !(turns || speed)) return;
    waiting = true;
    requestAnimationFrame(step);
  };
  const start = () => { before = performance.now(); run(); };

  // Dragging over the width of the picture is one turn.
  const viewsPerPixel = () => {
    const wide = spin.clientHeight * canvas.width / canvas.height;
    return count / Math.min(spin.clientWidth, wide, canvas.width * 2);
  };
  const take = () => {
    turns = false;
    speed = 0;
    hint.classList.add("used");
  };
  spin.addEventListener("pointerdown", (event) => {
    if (event.button || held !== null || canvas.hidden) return;
    take();
    held = event.pointerId;
    trail = [[event.timeStamp, event.clientX]];
    spin.setPointerCapture(held);
    spin.classList.add("held");
  });
  spin.addEventListener("pointermove", (event) => {
    if (event.pointerId !== held) return;
    place = limit(place + (event.clientX - trail[trail.length - 1][1]) * viewsPerPixel());
    trail = [...trail.filter(([time]) => event.timeStamp - time < 100), [event.timeStamp, event.clientX]];
    show();
  });
  const release = (event) => {
    if (event.pointerId !== held) return;
    held = null;
    spin.classList.remove("held");
    const [time, x] = trail[0], [end, last] = trail[trail.length - 1];
    const rested = event.timeStamp - end > 60 || end - time < 8;
    if (event.type !== "pointerup" || rested || still.matches) return;
    speed = Math.max(-FASTEST, Math.min(FASTEST, (last - x) / (end - time) * 1000 * viewsPerPixel()));
    start();
  };
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) spin.addEventListener(name, release);

  spin.addEventListener("keydown", (event) => {
    const leap = Math.max(1, Math.round(count / 12));
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: leap, PageDown: -leap };
    const ends = { Home: 0, End: count - 1 };
    const known = event.key in steps || event.key in ends;
    if (!known || canvas.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    take();
    place = event.key in ends ? ends[event.key] : limit(Math.round(place) + steps[event.key]);
    show();
  });

  const load = async () => {
    for (const view of views) await view.decode().catch(() => {});
    canvas.hidden = false;
    views[0].hidden = true;
    hint.hidden = false;
    turns = !still.matches;
    show();
    start();
  };
  load();
})();
