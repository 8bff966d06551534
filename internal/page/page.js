"use strict";
const order = new Intl.Collator("en", { numeric: true });
for (const section of document.querySelectorAll("[data-findings]")) {
  const body = section.querySelector("tbody"), rows = [...body.rows], shown = section.querySelector("[data-shown]");
  const filters = [...section.querySelectorAll("[data-filter]")];
  section.querySelector(".filters").hidden = false;
  const apply = () => {
    let n = 0;
    for (const row of rows) {
      row.hidden = !filters.every((f) => {
        if (f.value === "") return true;
        const has = row.dataset[f.dataset.filter];
        return f.tagName === "INPUT" ? has.includes(f.value.toLowerCase()) : has === f.value;
      });
      if (!row.hidden) n++;
    }
    shown.textContent = n + " of " + rows.length + " shown";
  };
  for (const f of filters) f.addEventListener("input", apply);
  section.querySelector("[data-reset]").addEventListener("click", () => { for (const f of filters) f.value = ""; apply(); });
  for (const head of section.querySelectorAll("th[aria-sort]")) {
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of section.querySelectorAll("th[aria-sort]")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const at = head.cellIndex, keys = new Map(rows.map((row) => [row, row.cells[at].dataset.key ?? row.cells[at].textContent]));
      const compare = head.dataset.number !== undefined ? (a, b) => a - b : order.compare;
      rows.sort((a, b) => (up ? 1 : -1) * compare(keys.get(a), keys.get(b)));
      body.append(...rows);
    });
  }
  apply();
}
