// What moves on the page. Without it the same charts stand still and the same tables hold every number.
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const views = [];
  const chosen = new Set();
  const told = json("told");
  const members = json("members");

  // --- one trial in focus, in every chart, in the table and in words ---

  const panel = document.getElementById("focus");
  const idle = panel ? panel.innerHTML : "";

  function node(name, text, kind) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function say(trial) {
    if (!panel) return;
    const found = told[trial];
    if (!found) { panel.innerHTML = idle; return; }
    const list = node("dl");
    for (const [title, value, how] of found.numbers) {
      list.append(node("dt", title), node("dd", how === "estimated" ? "≈ " + value : value));
    }
    panel.replaceChildren(node("h3", "Trial " + trial), node("p", found.standing, "quiet"), list, node("code", found.recipe, "recipe"));
  }

  function mark() {
    const list = chosen.size ? [...chosen] : [-1];
    for (const view of views) view.signal("chosen", list).runAsync();
    for (const box of $("input[data-trial]")) box.checked = chosen.has(Number(box.dataset.trial));
  }

  function choose(trial, only) {
    if (only) { const had = chosen.size === 1 && chosen.has(trial); chosen.clear(); if (!had) chosen.add(trial); }
    else if (!chosen.delete(trial)) chosen.add(trial);
    say([...chosen].pop());
    mark();
  }

  for (const box of $("input[data-trial]")) {
    box.closest("label").hidden = false;
    box.addEventListener("change", () => choose(Number(box.dataset.trial), false));
  }

  // --- charts ---

  function listen(view) {
    const trial = (item) => item && item.datum && (item.datum.trial ?? (item.datum[0] && item.datum[0].trial));
    view.addEventListener("pointermove", (_, item) => { const t = trial(item); if (t !== undefined) say(t); });
    view.addEventListener("pointerout", () => say([...chosen].pop()));
    view.addEventListener("click", (_, item) => { const t = trial(item); if (t !== undefined) choose(t, true); });
  }

  function keys(figure) {
    figure.tabIndex = 0;
    figure.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") { chosen.clear(); say(); mark(); return; }
      if (!step || !members.length) return;
      event.preventDefault();
      let at = members.indexOf([...chosen].pop());
      if (at < 0 && step < 0) at = 0;  // from nowhere backwards: the last
      choose(members[(at + step + members.length) % members.length], true);
    });
  }

  // Drag on an upright of the recipes to keep the lines that pass there; a click on it lets them all through.
  function brush(view, element) {
    const many = Number(element.closest("figure").dataset.rails || 0);
    if (!many) return;
    let rail = -1, from = 0;
    const place = (event) => {
      const box = element.querySelector("svg").getBoundingClientRect();
      const { left, top } = view.padding(), [x, y] = view.origin();
      return [
        view.scale("x").invert(event.clientX - box.left - left - x),
        view.scale("y").invert(event.clientY - box.top - top - y),
      ];
    };
    element.addEventListener("pointerdown", (event) => {
      const [x, y] = place(event);
      const near = Math.round(x);
      if (near < 0 || near >= many || Math.abs(x - near) > 0.3) return;
      rail = near; from = y;
      element.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    element.addEventListener("pointermove", (event) => {
      if (rail < 0) return;
      const y = place(event)[1];
      view.signal("brush" + rail, [Math.min(from, y), Math.max(from, y)]).runAsync();
    });
    element.addEventListener("pointerup", (event) => {
      if (rail < 0) return;
      if (Math.abs(place(event)[1] - from) < 0.02) view.signal("brush" + rail, [-9, 9]).runAsync();
      rail = -1;
    });
    element.closest("figure").addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      for (let i = 0; i < many; i += 1) view.signal("brush" + i, [-9, 9]);
      view.runAsync();
    });
  }

  async function draw(figure, tables) {
    const place = figure.querySelector(".canvas");
    const spec = JSON.parse(figure.querySelector("script").textContent);
    spec.datasets = { ...spec.datasets };
    for (const name of (figure.dataset.uses || "").split(" ").filter(Boolean)) spec.datasets[name] = tables[name];
    const live = node("div", undefined, "canvas live");
    live.style.minHeight = place.offsetHeight + "px";
    place.after(live);
    place.hidden = true;
    try {
      const { view } = await window.vegaEmbed(live, spec, { renderer: "svg", ast: true, actions: false, defaultStyle: false });
      live.style.minHeight = "";
      if (view.getState().signals.chosen) { views.push(view); listen(view); keys(figure); }
      brush(view, live);
      live.setAttribute("role", "img");
      live.setAttribute("aria-label", place.getAttribute("aria-label"));
      live.querySelector("svg").setAttribute("aria-hidden", "true");
      place.remove();
    } catch (error) {  // the picture that was there serves as well
      live.remove();
      place.hidden = false;
      console.error(error);
    }
  }

  // --- tables, commands, light and dark ---

  for (const table of $("table.sortable")) {
    for (const [i, head] of $("thead th", table).entries()) {
      const button = head.querySelector("button");
      if (!button) continue;
      button.disabled = false;
      button.addEventListener("click", () => {
        const first = head.dataset.first || "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const way = head.getAttribute("aria-sort") === first ? other : first;
        for (const each of $("thead th", table)) each.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", way);
        const sign = way === "ascending" ? 1 : -1;
        const value = (body) => Number(body.rows[0].cells[i].dataset.value ?? "NaN");
        const bodies = $("tbody", table).filter((body) => !body.classList.contains("baseline"));
        bodies.sort((a, b) => sign * (value(a) - value(b)) || 0);
        table.append(...bodies);
      });
    }
  }

  for (const command of $("code.command")) {
    const button = node("button", "Copy", "copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      let done = false;
      try { await navigator.clipboard.writeText(command.textContent); done = true; } catch {
        const range = document.createRange();
        range.selectNodeContents(command);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        done = document.execCommand("copy");
      }
      button.textContent = done ? "Copied" : "Press Ctrl+C";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    command.after(button);
    command.parentElement.classList.add("has-copy");
  }

  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = (root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
    root.style.colorScheme = dark ? "light" : "dark";
  });

  root.dataset.charts = "drawing";
  const tables = json("tables");
  (async () => {
    for (const figure of $("figure.chart:not(.still)")) await draw(figure, tables);
    root.dataset.charts = "ready";
  })();
})();
