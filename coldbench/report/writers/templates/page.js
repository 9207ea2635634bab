"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");

  const remembered = (theme) => {
    try {
      if (theme) localStorage.setItem("coldbench-theme", theme);
      return localStorage.getItem("coldbench-theme");
    } catch {
      return theme || null; // a browser may refuse to remember
    }
  };
  const dark = () =>
    (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  if (remembered()) root.dataset.theme = remembered();

  const themeToggle = (button) => {
    const show = () => {
      button.setAttribute("aria-pressed", String(dark()));
    };
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      remembered(root.dataset.theme);
      show();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
    show();
  };

  const text = (cell) => cell.textContent.trim();
  const key = (row, place) => {
    const cell = row.cells[place];
    if (cell.dataset.value === undefined) return text(cell);
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  };
  const compare = (first, second) =>
    typeof first === "number" ? first - second : first.localeCompare(second, "en", { numeric: true });

  const sortable = (table) => {
    const body = table.tBodies[0];
    const headers = [...table.tHead.rows[0].cells];
    const original = [...body.rows];
    headers.forEach((header, place) => {
      header.querySelector("button").addEventListener("click", () => {
        const first = header.classList.contains("number") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const now = header.getAttribute("aria-sort");
        const next = now === "none" ? first : now === first ? second : "none";
        headers.forEach((other) => other.setAttribute("aria-sort", "none"));
        header.setAttribute("aria-sort", next);
        const rows = [...original];
        if (next !== "none") {
          const sign = next === "ascending" ? 1 : -1;
          rows.sort((a, b) => {
            const [x, y] = [key(a, place), key(b, place)];
            if (x === null || y === null) return (x === null) - (y === null); // what is missing comes last
            return sign * compare(x, y);
          });
        }
        body.append(...rows);
      });
    });
  };

  const filterable = (box) => {
    const rows = [...box.querySelectorAll("tbody tr")];
    const words = box.querySelector("[data-filter]");
    if (!words) return;
    const selects = [...box.querySelectorAll("[data-column]")];
    const count = box.querySelector("[data-count]");
    const none = box.querySelector(".none");
    const apply = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const names = [...row.querySelectorAll("th")].map(text).join(" ").toLowerCase();
        row.hidden = !(
          wanted.every((word) => names.includes(word)) &&
          selects.every((select) => !select.value || text(row.cells[Number(select.dataset.column)]) === select.value)
        );
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
      none.hidden = shown > 0;
    };
    words.addEventListener("input", apply);
    selects.forEach((select) => select.addEventListener("change", apply));
    apply();
  };

  const picker = (box) => {
    const buttons = [...box.querySelectorAll("[data-pick]")];
    const hide = box.querySelector("[data-hide]");
    const all = box.querySelector("[data-pick-all]");
    const marks = [...document.querySelectorAll("svg [data-method]")];
    const places = new Map(marks.map((mark) => [mark.parentElement, null]));
    for (const parent of places.keys()) places.set(parent, [...parent.children]); // the order that they were drawn in
    const apply = () => {
      const pressed = buttons.filter((button) => button.getAttribute("aria-pressed") === "true");
      const picked = new Set(pressed.map((button) => button.dataset.pick));
      hide.disabled = all.disabled = picked.size === 0;
      for (const mark of marks) {
        mark.classList.toggle("other", picked.size > 0 && !picked.has(mark.dataset.method));
        mark.classList.toggle("gone", picked.size > 0 && !picked.has(mark.dataset.method) && hide.checked);
      }
      for (const [parent, children] of places) {
        const above = (child) => picked.has(child.dataset.method); // nothing grey covers what was picked
        parent.append(...children.filter((child) => !above(child)), ...children.filter(above));
      }
    };
    const press = (button, value) => button.setAttribute("aria-pressed", String(value));
    buttons.forEach((button) =>
      button.addEventListener("click", () => {
        press(button, button.getAttribute("aria-pressed") !== "true");
        apply();
      }),
    );
    hide.addEventListener("change", apply);
    all.addEventListener("click", () => {
      buttons.forEach((button) => press(button, false));
      hide.checked = false;
      apply();
    });
  };

  const copyable = (button) => {
    const code = button.parentElement.querySelector("code");
    button.addEventListener("click", async () => {
      let done = true;
      try {
        await navigator.clipboard.writeText(code.textContent);
      } catch {
        getSelection().selectAllChildren(code); // no clipboard here: leave it selected
        done = document.execCommand("copy");
      }
      button.textContent = done ? "Copied" : "Selected";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-theme-toggle]").forEach(themeToggle);
    document.querySelectorAll("[data-table] table").forEach(sortable);
    document.querySelectorAll("[data-table]").forEach(filterable);
    document.querySelectorAll("[data-picker]").forEach(picker);
    document.querySelectorAll("[data-copy]").forEach(copyable);
  });
})();
