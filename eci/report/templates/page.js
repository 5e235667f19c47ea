"use strict";

// Charts: one specification for wide and one for narrow windows, drawn anew when the window crosses over.
const specifications = JSON.parse(document.getElementById("specifications").textContent);
const wide = matchMedia("(min-width: 56rem), print");
const views = {};

async function draw() {
  for (const [name, sizes] of Object.entries(specifications)) {
    const chart = { ...(wide.matches ? sizes.wide : sizes.narrow), datasets: sizes.datasets };
    const { view } = await vegaEmbed(`#chart-${name}`, chart, {
      renderer: "svg", actions: false, ast: true, tooltip: { theme: "page" },
    });
    // a reader of the screen is told the finding and sent to the table, not led through a thousand dots
    document.querySelector(`#chart-${name} svg`).setAttribute("aria-hidden", "true");
    views[name]?.finalize();
    views[name] = view;
  }
  document.documentElement.dataset.drawn = wide.matches ? "wide" : "narrow";
}
wide.addEventListener("change", draw);
const drawn = draw();

function emphasise(lab) {
  drawn.then(() => views.timeline?.signal("lab", lab).runAsync());
}

// Tables: search, filter, sort, rows on demand, download.
for (const box of document.querySelectorAll(".table")) {
  const table = box.querySelector("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const order = new Map(rows.map((row, at) => [row, at]));
  const inWords = (row) => [...row.cells].filter((cell) => !cell.classList.contains("number"));
  const texts = new Map(rows.map((row) => [row, inWords(row).map((cell) => cell.textContent).join(" ").toLowerCase()]));
  const search = box.querySelector("input");
  const choice = box.querySelector("select");
  const count = box.querySelector(".count");
  const more = box.querySelector(".more");
  let limit = Number(box.dataset.limit);

  const update = () => {
    const wanted = (search?.value ?? "").toLowerCase().trim();
    const group = choice?.value ?? "";
    let found = 0;
    for (const row of body.rows) {
      const fits = (!group || row.dataset.group === group) && texts.get(row).includes(wanted);
      row.hidden = !fits || ++found > limit;
    }
    const shown = Math.min(found, limit);
    // the axis of the intervals is enlarged while none but the first rows are shown
    const isFirst = (row) => row.hidden || order.get(row) < Number(box.dataset.limit);
    table.classList.toggle("enlarged", table.style.getPropertyValue("--zoom") !== "" && rows.every(isFirst));
    const narrowed = wanted || group;
    count.textContent = narrowed || shown < rows.length
      ? `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")}${narrowed ? `, ${found.toLocaleString("en")} found` : ""}`
      : "";
    more.hidden = found <= limit;
    more.textContent = `Show all ${found.toLocaleString("en")}`;
  };
  search?.addEventListener("input", update);
  choice?.addEventListener("change", () => {
    update();
    if (choice.dataset.name === "ranking") emphasise(choice.value);
  });
  more.addEventListener("click", () => { limit = Infinity; update(); });

  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => head.querySelector("button")?.addEventListener("click", () => {
    const down = head.ariaSort !== "descending" && (head.ariaSort === "ascending" || head.classList.contains("number"));
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.ariaSort = down ? "descending" : "ascending";
    const value = (row) => held(row.cells[at]);
    const isNumber = head.classList.contains("number");
    const compare = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === "");  // blanks last, whichever way
      const order = isNumber ? Number(x) - Number(y) : x.localeCompare(y, "en");
      return down ? -order : order;
    };
    body.append(...[...rows].sort(compare));
    update();
  }));

  box.querySelector(".csv").addEventListener("click", (event) => {
    const columns = heads.map((head, at) => [head, at]).filter(([head]) => !("skip" in head.dataset));
    const lines = [columns.map(([head]) => quote(head.dataset.name, false))];
    for (const row of body.rows) {
      lines.push(columns.map(([head, at]) => quote(held(row.cells[at]), head.classList.contains("number"))));
    }
    const text = lines.map((line) => line.join(",")).join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = event.target.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  update();
}

// What a cell holds: all its digits, the whole address, or the text shown.
function held(cell) {
  return cell.dataset.v ?? cell.firstElementChild?.href ?? cell.textContent;
}

// A text that a spreadsheet would take for a formula is downloaded with an apostrophe before it.
function quote(value, isNumber) {
  const safe = !isNumber && /^'*[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Light or dark: the system's, until the button is pressed.
const theme = document.querySelector(".theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
const name = () => { theme.textContent = isDark() ? "Light page" : "Dark page"; };
theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
system.addEventListener("change", name);
name();
