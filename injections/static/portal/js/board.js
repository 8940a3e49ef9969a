// The board: rows are replaced only when they changed, so that focus, selection and scroll stay where they are.
(() => {
  // --- Swaps that touch only what changed ------------------------------------------------------
  function reconcile(body, fresh) {
    const old = new Map([...body.rows].map((row) => [row.id, row]));
    const focused = document.activeElement?.closest?.("tr")?.id;
    const added = [];
    const isFirst = old.size === 0;
    let place = body.firstElementChild;
    for (const row of [...fresh.rows]) {
      let kept = old.get(row.id);
      old.delete(row.id);
      if (kept && kept.dataset.v === row.dataset.v) {
        kept.querySelector("[data-seen]").dataset.seen = row.querySelector("[data-seen]").dataset.seen;
        const link = row.querySelector(".open");
        const shown = kept.querySelector(".open");
        if (link.getAttribute("href") !== shown.getAttribute("href")) kept = undefined;
      } else if (kept) kept = undefined;
      if (kept) {
        if (kept === place) place = place.nextElementSibling;
        else body.insertBefore(kept, place);
        continue;
      }
      const stale = document.getElementById(row.id);
      if (stale && stale === place) place = place.nextElementSibling;
      stale?.remove();
      if (!isFirst) row.classList.add("is-new");
      body.insertBefore(row, place);
      added.push(row);
    }
    for (const gone of old.values()) gone.remove();
    if (focused) document.getElementById(focused)?.querySelector(".open")?.focus({ preventScroll: true });
    return added;
  }

  let head = ""; // as the server wrote it: scripts put the viewer's times into what is shown

  function swapRows(target, fragment) {
    const fresh = fragment.querySelector("#calls");
    if (!fresh) return [];
    target.dataset.now = fresh.dataset.now;
    target.dataset.at = String(performance.now());
    target.dataset.count = fresh.dataset.count;
    target.setAttribute("hx-vals", fresh.getAttribute("hx-vals"));
    const open = document.getElementById("panel")?.dataset.selected;
    const before = open && document.getElementById(`c-${open}`)?.dataset.v;
    const heads = [target.querySelector("#calls-head"), fresh.querySelector("#calls-head")];
    if (head !== heads[1].innerHTML) {
      head = heads[0].innerHTML = heads[1].innerHTML;
      window.portal.settle(heads[0]);
    }
    const bodies = [target.querySelector("#calls-body"), fresh.querySelector("#calls-body")];
    let added = [];
    if (bodies[0] && bodies[1]) added = reconcile(...bodies);
    else {
      const rest = [...fresh.children].slice(1);
      [...target.children].slice(1).forEach((child) => child.remove());
      target.append(...rest);
      added = rest;
    }
    // The open panel does not wait for its own turn when its row has changed.
    const after = open && document.getElementById(`c-${open}`)?.dataset.v;
    const facts = document.getElementById("facts");
    if (facts && before !== after) htmx.trigger(facts, "call-changed");
    select();
    tick();
    return added;
  }

  htmx.defineExtension("keyed", {
    isInlineSwap: (style) => style === "rows",
    handleSwap: (style, target, fragment) => (style === "rows" ? swapRows(target, fragment) : false),
  });

  // --- Running times and ages go on between two answers, by the server's clock -----------------
  const calls = document.getElementById("calls");
  const pad = (number) => String(number).padStart(2, "0");
  function running(seconds) {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${pad(minutes)}:${pad(rest)}`;
  }

  function write(cell, text) {
    if (cell.textContent !== text) cell.textContent = text;
  }

  function tick() {
    if (!calls || document.hidden) return;
    const now = Number(calls.dataset.now) + (performance.now() - Number(calls.dataset.at)) / 1000;
    for (const cell of calls.querySelectorAll("[data-since]")) {
      const since = Number(cell.dataset.since);
      if (since) write(cell, running(Math.max(0, Math.floor(now - since))));
    }
    for (const cell of calls.querySelectorAll("[data-seen]")) {
      const age = Math.max(0, Math.floor(now - Number(cell.dataset.seen)));
      write(cell, `${age} s`);
      // What is shown is up to one poll older than what the server knows.
      cell.closest("tr").classList.toggle("is-stale", age > Number(calls.dataset.stale) + 1);
    }
  }

  // --- The row whose call is open ------------------------------------------------------------
  function select() {
    const open = document.getElementById("panel")?.dataset.selected;
    for (const row of document.querySelectorAll(".calls tr.is-selected")) {
      if (row.id === `c-${open}`) continue;
      row.classList.remove("is-selected");
      row.querySelector(".open")?.removeAttribute("aria-current");
    }
    const row = open && document.getElementById(`c-${open}`);
    if (!row) return;
    row.classList.add("is-selected");
    row.querySelector(".open").setAttribute("aria-current", "true");
  }

  if (!calls) return;
  calls.dataset.at = String(performance.now());
  setInterval(tick, 1000);
  select();

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id !== "panel" && event.detail.elt?.id !== "panel") return;
    const panel = document.getElementById("panel");
    document.querySelector(".desk").classList.toggle("has-panel", "selected" in panel.dataset);
    select();
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.id === "filters" && event.detail.successful) window.portal.announce(calls.dataset.count);
  });

  // --- Who closes a call comes back to its row, with the filter as it is now ------------------
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-keeps-filter]");
    if (!link) return;
    const asked = [...new FormData(document.getElementById("filters"))].filter(([, value]) => value);
    link.search = new URLSearchParams(asked);
    const open = document.getElementById("panel").dataset.selected;
    if ("close" in link.dataset && document.getElementById(`c-${open}`)) link.hash = `c-${open}`;
  }, true);

  // --- Keys: arrows move through the rows, Enter opens (the row is a link) ---------------------
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    const isInBoard = event.target.closest(".board") && !event.target.closest("select");
    if (!isInBoard && event.target !== document.body && event.target.id !== "main") return;
    const links = [...calls.querySelectorAll(".open")];
    if (links.length === 0) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    event.preventDefault();
    if (next < 0) document.getElementById("q").focus();
    else links[Math.min(next, links.length - 1)].focus();
  });
})();
