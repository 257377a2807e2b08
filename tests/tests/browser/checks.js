// What a test wants to know about the page as it is shown: what is too faint, too wide, or without a name.
(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => {
    const linear = (c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const faint = new Set();
  const judge = (element, style, text, back = behind(element)) => {
    const front = over(rgba(style.color), back);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    worst = Math.min(worst, contrast);
    if (contrast < 4.5) faint.add(`${contrast.toFixed(2)} ${element.closest("tr")?.className ?? element.className}: ${text}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0, worst = 99;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("script, style, noscript, option")) continue;
    // A tooltip is part of the page when it is pointed at.
    const tip = element.closest(".tips");
    if (tip) tip.style.display = "block";
    if (element.getClientRects().length && !element.closest(".hidden, .skip")) {
      seen += 1;
      judge(element, getComputedStyle(element), texts.currentNode.data.trim());
    }
    if (tip) tip.style.display = "";
  }
  // Words that no element holds: those that the style puts before and after, of empty inputs, of choices.
  let said = 0;
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.getClientRects().length || element.closest(".hidden, .skip")) continue;
    for (const place of ["::before", "::after", "::placeholder"]) {
      const style = getComputedStyle(element, place);
      const text = place === "::placeholder" ? element.placeholder : style.content.replace(/^(none|normal)$|"/g, "");
      if (!text?.trim()) continue;
      said += 1;
      judge(element, style, place + " " + text);
    }
  }
  for (const option of document.querySelectorAll("option")) {
    const box = option.closest("select");
    judge(box, getComputedStyle(option), option.textContent, over(rgba(getComputedStyle(option).backgroundColor), behind(box)));
  }
  // What a picture shows must stand out as well (WCAG 1.4.11), and be said in words.
  const pictures = [...document.querySelectorAll("svg[role=img]")];
  const speechless = pictures.filter((p) => !p.getAttribute("aria-label") || !p.querySelector("title"));
  const strokes = pictures.flatMap((p) => [...p.querySelectorAll("path")]).map((path) => {
    const back = behind(path.closest("li"));
    const front = over(rgba(getComputedStyle(path).stroke), back);
    const [high, low] = [light(front), light(back)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  });
  const controls = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary")].filter(
    (c) => c.getClientRects().length,
  );
  const nameless = controls.filter(
    (c) => !(c.textContent.trim() || c.getAttribute("aria-label") || c.labels?.[0]?.textContent.trim()),
  );
  return {
    faint: [...faint], seen, said, worst,
    wide: document.documentElement.scrollWidth - innerWidth,
    controls: controls.length,
    pictures: pictures.length,
    speechless: speechless.map((p) => p.outerHTML),
    lightest: Math.min(...strokes),
    nameless: nameless.map((c) => c.outerHTML),
    unreachable: controls.filter((c) => c.tabIndex < 0).map((c) => c.outerHTML),
    heads: [...document.querySelectorAll("tbody tr")].every((row) => row.querySelector("th[scope=row]")),
  };
})();
