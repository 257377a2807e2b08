"use strict";
// The page reads and works without this. It adds: refreshing in place, sorting, filtering, selecting all.
(() => {
  const here = document.body.dataset.here;
  const live = document.getElementById("live");
  const scope = document.getElementById("scope");
  const sorted = new Map(); // section id -> [column, direction]
  const choosing = new Set(); // sections in which somebody chooses how to sort
  let every = Number(document.body.dataset.refresh);
  let timer = 0;

  const busy = (part) =>
    part.querySelector("input[type=checkbox]:checked, .tip:hover, .tip:focus, select:not(.sorts):focus, ol:hover") !==
      null || choosing.has(part.id);

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
    const [main, next] = [document, fresh].map((page) => page.querySelector("main"));
    if (!next) return;
    const [routes, news] = [main, next].map((parent) => children(parent).get("routes"));
    if (routes && !news) routes.remove();
    if (!routes && news) children(main).get("proxies").before(news);
    for (const [id, part] of children(main)) {
      const other = children(next).get(id);
      if (other && part.matches("[data-live]")) renew(part, other);
    }
    const [proxies, others] = [main, next].map((parent) => children(parent).get("proxies"));
    if (proxies && others) follow(proxies, others);
    filter();
  };

  // By their names, which are only theirs among their siblings: a proxy may be called as a part of the page is.
  const children = (parent) => new Map([...parent.children].map((part) => [part.id, part]));

  // Who is gone goes, who is new comes to where he belongs, and all others are renewed in their places.
  const follow = (parent, other) => {
    const [known, wanted] = [children(parent), children(other)];
    for (const [id, part] of known) if (!wanted.has(id)) part.remove();
    let place = parent.firstElementChild;
    for (const [id, next] of wanted) {
      const part = known.get(id);
      if (part && part === place) place = place.nextElementSibling;
      else parent.insertBefore(part ?? next, place);
      if (part) renew(part, next);
      else prepare(next);
    }
  };

  const renew = (part, other) => {
    if (busy(part)) return;
    const box = part.querySelector(".scroll, .times");
    const at = box ? [box.scrollLeft, box.scrollTop] : [0, 0];
    const focused = part.contains(document.activeElement) ? position(part, document.activeElement) : -1;
    const details = [...part.querySelectorAll("details")];
    for (const [place, box] of other.querySelectorAll("details").entries()) {
      if (details[place]) box.toggleAttribute("open", details[place].open);
    }
    part.replaceWith(other);
    prepare(other);
    const now = other.querySelector(".scroll, .times");
    if (now) [now.scrollLeft, now.scrollTop] = at;
    if (focused >= 0) focusable(other)[focused]?.focus({ preventScroll: true });
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
    const heads = [...section.querySelectorAll("th[data-sort]")];
    const boxes = [...section.querySelectorAll("tbody .pick input")];
    // Where there is no room for the heads of the columns, these stand for them.
    const narrow = document.createElement("div");
    narrow.className = "narrow";
    if (servers.length > 1) {
      heads.forEach((head) => head.replaceChildren(sorter(section, head)));
      narrow.append(labelled("Sort by", sorts(section, heads)));
      if (sorted.has(section.id)) sort(section);
    }
    if (boxes.length > 1) {
      section.querySelector("thead .pick").replaceChildren(selector(section, boxes));
      const all = labelled("Select all", selector(section, boxes));
      narrow.append(all);
    }
    if (narrow.hasChildNodes()) section.querySelector(".scroll").before(narrow);
  };

  const sorter = (section, head) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sorter";
    button.textContent = head.textContent;
    button.title = "Sort by " + (head.title || head.textContent).toLowerCase();
    button.addEventListener("click", () => {
      const [column, direction] = sorted.get(section.id) ?? ["", 1];
      const turned = column === head.dataset.sort ? -direction : usual(head);
      sorted.set(section.id, [head.dataset.sort, turned]);
      sort(section);
    });
    return button;
  };

  // The most comes first, and the first name.
  const usual = (head) => (head.dataset.sort === "name" ? 1 : -1);

  const sorts = (section, heads) => {
    const select = document.createElement("select");
    select.className = "sorts";
    select.append(new Option("", ""));
    for (const head of heads) select.append(new Option(head.title || head.textContent, head.dataset.sort));
    select.value = (sorted.get(section.id) ?? [""])[0];
    select.addEventListener("change", () => {
      choosing.delete(section.id);
      const head = heads.find((head) => head.dataset.sort === select.value);
      if (!head) return;
      sorted.set(section.id, [select.value, usual(head)]);
      sort(section);
    });
    select.addEventListener("pointerdown", () => choosing.add(section.id));
    select.addEventListener("keydown", (event) => event.key !== "Tab" && choosing.add(section.id));
    select.addEventListener("blur", () => choosing.delete(section.id));
    return select;
  };

  const selector = (section, boxes) => {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.setAttribute("aria-label", "Select all servers of " + section.id);
    box.addEventListener("change", () => boxes.forEach((other) => (other.checked = box.checked)));
    return box;
  };

  const labelled = (words, control) => {
    const label = document.createElement("label");
    label.append(words + " ", control);
    return label;
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
