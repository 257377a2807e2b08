"use strict";
// The page reads and works without this. It adds: refreshing in place, sorting, filtering, selecting all.
(() => {
  const here = document.body.dataset.here;
  const live = document.getElementById("live");
  const scope = document.getElementById("scope");
  const sorted = new Map(); // section id -> [column, direction]
  let every = Number(document.body.dataset.refresh);
  let timer = 0;

  const busy = (part) =>
    part.querySelector("input[type=checkbox]:checked, .tip:hover, .tip:focus, select:focus, ol:hover") !== null;

  const refresh = async () => {
    clearTimeout(timer);
    try {
      const answer = await fetch(new URL(here, location.origin), { cache: "no-store" });
      if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
      live.classList.toggle("stale", !answer.ok);
      live.textContent = answer.ok ? "Live" : "Answer " + answer.status;
    } catch {
      live.textContent = "No answer";
    }
    plan();
  };

  const replace = (fresh) => {
    for (const part of document.querySelectorAll("[data-live]")) {
      const other = fresh.getElementById(part.id);
      if (!other || busy(part)) continue;
      const box = part.querySelector(".scroll, .times");
      const at = box ? [box.scrollLeft, box.scrollTop] : [0, 0];
      const focused = part.contains(document.activeElement) ? position(part, document.activeElement) : -1;
      for (const box of part.querySelectorAll("details")) fresh.getElementById(box.id)?.toggleAttribute("open", box.open);
      part.replaceWith(other);
      prepare(other);
      const now = other.querySelector(".scroll, .times");
      if (now) [now.scrollLeft, now.scrollTop] = at;
      if (focused >= 0) focusable(other)[focused]?.focus({ preventScroll: true });
    }
    filter();
  };

  const focusable = (part) => [...part.querySelectorAll("a, button, input, select, summary, [tabindex]")];
  const position = (part, element) => focusable(part).indexOf(element);

  const plan = () => {
    clearTimeout(timer);
    live.setAttribute("aria-pressed", String(every > 0));
    if (every > 0 && !document.hidden) timer = setTimeout(refresh, every * 1000);
  };

  // Servers are sorted among themselves; the frontend stays on top and the backend at the bottom.
  const sort = (section) => {
    const [column, direction] = sorted.get(section.id) ?? ["", 1];
    const body = section.querySelector("tbody");
    const servers = [...body.rows].filter((row) => !row.matches(".frontend, .backend, .socket"));
    const key = (row) =>
      column === "name" ? row.querySelector("th a").textContent : row.querySelectorAll("td[data-by]")[column].dataset.by;
    const compare = new Intl.Collator(undefined, { numeric: true }).compare;
    servers.sort((a, b) => direction * compare(key(a), key(b)));
    const last = [...body.rows].find((row) => row.matches(".backend"));
    for (const row of servers) body.insertBefore(row, last ?? null);
    for (const head of section.querySelectorAll("th[data-sort]")) {
      if (head.dataset.sort === column) head.setAttribute("aria-sort", direction > 0 ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
  };

  const prepare = (section) => {
    if (!section.matches(".proxy")) return;
    const servers = section.querySelectorAll("tbody tr:not(.frontend, .backend, .socket)");
    if (servers.length > 1) {
      for (const head of section.querySelectorAll("th[data-sort]")) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "sorter";
        button.textContent = head.textContent;
        button.title = "Sort by " + (head.title || head.textContent).toLowerCase();
        button.addEventListener("click", () => {
          const [column, direction] = sorted.get(section.id) ?? ["", 1];
          const numeric = head.dataset.sort !== "name";
          const first = numeric ? -1 : 1;
          sorted.set(section.id, [head.dataset.sort, column === head.dataset.sort ? -direction : first]);
          sort(section);
        });
        head.replaceChildren(button);
      }
      if (sorted.has(section.id)) sort(section);
    }
    const all = section.querySelector("thead .pick");
    const boxes = section.querySelectorAll("tbody .pick input");
    if (all && boxes.length > 1) {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.setAttribute("aria-label", "Select all servers of " + section.id);
      box.addEventListener("change", () => boxes.forEach((other) => (other.checked = box.checked)));
      all.replaceChildren(box);
    }
  };

  const filter = () => {
    const wanted = scope.value.trim().toLowerCase();
    for (const section of document.querySelectorAll(".proxy")) {
      const named = section.id.toLowerCase().includes(wanted);
      let any = named;
      for (const row of section.querySelectorAll("tbody tr")) {
        const hit = named || row.querySelector("th").textContent.toLowerCase().includes(wanted);
        row.hidden = !hit;
        any ||= hit;
      }
      section.hidden = !any;
    }
  };

  // A tooltip goes below what it explains, or above it where there is no room.
  const explain = (event) => {
    const tip = event.target.closest?.(".tip");
    const box = tip?.querySelector(".tips");
    if (!box) return;
    box.removeAttribute("style");
    if (matchMedia("(max-width: 720px)").matches) return;
    const at = tip.getBoundingClientRect();
    const { width, height } = box.getBoundingClientRect();
    const below = at.bottom + 6;
    const top = below + height < innerHeight ? below : Math.max(8, at.top - height - 6);
    const left = Math.max(8, Math.min(at.left - 16, innerWidth - width - 8));
    Object.assign(box.style, { top: top + "px", left: left + "px", right: "auto", bottom: "auto" });
  };

  document.addEventListener("pointerover", explain);
  document.addEventListener("focusin", explain);
  scope.addEventListener("input", filter);
  live.hidden = false;
  live.addEventListener("click", () => {
    every = every > 0 ? 0 : Number(document.body.dataset.refresh) || 2;
    if (every > 0) refresh();
    else plan();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? plan() : every > 0 && refresh()));
  document.querySelectorAll(".proxy").forEach(prepare);
  filter();
  plan();
})();
