// What a page can do that text cannot: a tooltip at each event, arrow keys from
// event to event, a filter. It reads the page and writes text nodes only; it holds
// no data.
"use strict";
(() => {
  const tip = document.getElementById("tip");
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];
  let shown = null;
  let leaving = 0;

  // The browser's own tooltip would be a second one.
  for (const title of all(".plot title")) title.remove();

  const row = (event) => document.getElementById(event.dataset.row);

  function show(event) {
    clearTimeout(leaving);
    if (shown === event) return;
    hide();
    const cells = row(event).cells;
    const at = document.createElement("p");
    at.className = "at";
    at.textContent = cells[0].textContent + " · " + cells[1].textContent;
    const what = document.createElement("div");
    what.className = row(event).className;
    what.append(...[...cells[2].childNodes].map((node) => node.cloneNode(true)));
    tip.replaceChildren(at, what);
    tip.hidden = false;
    shown = event;
    event.classList.add("on");
    row(event).classList.add("on");
    place(event);
  }

  function place(event) {
    const mark = event.querySelector(".badge").getBoundingClientRect();
    const whole = event.getBoundingClientRect();
    const box = tip.getBoundingClientRect();
    const room = document.documentElement.clientWidth - box.width - 8;
    const left = Math.max(8, Math.min(mark.left + 16, room));
    // Below the arrow, or above the picture where the window ends.
    const below = whole.bottom + 8;
    const fits = below + box.height < innerHeight;
    const top = fits ? below : Math.max(4, mark.top - box.height - 8);
    tip.style.left = left + scrollX + "px";
    tip.style.top = top + scrollY + "px";
  }

  function hide() {
    clearTimeout(leaving);
    if (!shown) return;
    shown.classList.remove("on");
    row(shown).classList.remove("on");
    shown = null;
    tip.hidden = true;
  }

  // The pointer may go to the tooltip and stay there.
  const leave = () => { leaving = setTimeout(hide, 150); };
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);

  for (const plot of all(".plot")) {
    const events = all("a[data-row]", plot);
    // One stop for Tab; the arrow keys go on from there.
    const enter = (event) => {
      for (const other of events) other.setAttribute("tabindex", other === event ? "0" : "-1");
    };
    if (events.length) enter(events[0]);
    events.forEach((event, index) => {
      event.addEventListener("pointerenter", () => show(event));
      event.addEventListener("pointerleave", leave);
      event.addEventListener("focus", () => { enter(event); show(event); });
      event.addEventListener("blur", leave);
      event.addEventListener("keydown", (key) => {
        const to = { ArrowRight: index + 1, ArrowDown: index + 1, ArrowLeft: index - 1, ArrowUp: index - 1,
          Home: 0, End: events.length - 1 }[key.key];
        if (to === undefined || key.ctrlKey || key.altKey || key.metaKey) return;
        key.preventDefault();
        const next = events[Math.max(0, Math.min(to, events.length - 1))];
        next.focus({ preventScroll: true });
        next.querySelector(".badge").scrollIntoView({ block: "nearest", inline: "nearest" });
        place(next);
      });
    });
  }
  addEventListener("keydown", (key) => { if (key.key === "Escape") hide(); });
  addEventListener("resize", hide);

  // Where a picture is wider than its place, the keys must be able to move it.
  const scrolls = () => {
    for (const box of all(".scroll")) {
      const wide = box.scrollWidth > box.clientWidth + 1;
      if (wide) {
        box.setAttribute("tabindex", "0");
        box.setAttribute("role", "region");
        box.setAttribute("aria-label", "Picture, wider than the window");
      } else {
        for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
      }
    }
  };
  scrolls();
  addEventListener("resize", scrolls);

  // A link to an event opens the list that it is in.
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    const details = target && target.closest("details");
    if (details && !details.open) { details.open = true; target.scrollIntoView(); }
    if (target && target.matches("tr")) target.focus({ preventScroll: true });
  };
  addEventListener("hashchange", open);
  open();

  const form = document.getElementById("filter");
  if (!form) return;
  const find = document.getElementById("find");
  const cause = document.getElementById("cause");
  const ungraceful = document.getElementById("ungraceful");
  const rows = all("tr[data-of]");
  const whole = new Map(all("article[data-of]").map((one) => [one.dataset.of, one]));
  const texts = new Map(rows.map((one) => {
    const article = whole.get(one.dataset.of);
    return [one, (one.textContent + " " + (article ? article.textContent : "")).toLowerCase()];
  }));
  const filter = () => {
    hide();
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const one of rows) {
      const fits = (!ungraceful.checked || one.hasAttribute("data-ungraceful"))
        && (!cause.value || one.dataset.causes.split(" ").includes(cause.value))
        && words.every((word) => texts.get(one).includes(word));
      one.hidden = !fits;
      const article = whole.get(one.dataset.of);
      if (article) article.hidden = !fits;
      left += fits ? 1 : 0;
    }
    document.getElementById("count").textContent = left + " of " + rows.length;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  filter();
})();
