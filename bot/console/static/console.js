"use strict";
// Live lists, and the keyboard. Everything also works without this file.
(() => {
  const $ = (id) => document.getElementById(id);
  const title = document.title;
  let arrived = 0;

  // ---------------------------------------------------------------- what changed, as it changes
  const area = document.querySelector("[data-live]");
  const PAUSED = "segin-paused";
  let source = null;
  let waits = false;

  const digest = () => area.querySelector("[data-digest]") || area;

  function renew() {
    if (document.hidden || document.activeElement?.closest("select")) { waits = true; return; }
    waits = false;
    if (area.hasAttribute("hx-get")) window.htmx.trigger(area, "live");
    else area.querySelectorAll("[data-live-note]").forEach((note) => { note.hidden = false; });
  }

  function listen() {
    if (!area || source || !window.EventSource) return;
    source = new EventSource(area.dataset.live);
    source.addEventListener("changed", (event) => {
      const shown = digest();
      if (!shown.dataset.digest) shown.dataset.digest = event.data;
      else if (shown.dataset.digest !== event.data) renew();
    });
    source.addEventListener("bye", hush);
  }

  function hush() {
    source?.close();
    source = null;
  }

  function tell(more) {
    const news = $(area.dataset.news);
    if (!more || !news) return;
    arrived += document.hidden || !document.hasFocus() ? more : 0;
    news.textContent = more === 1 ? news.dataset.one : news.dataset.many.replace("{n}", more);
    news.className = "done";
    document.title = arrived ? `(${arrived}) ${title}` : title;
  }

  // ---------------------------------------------------------------- ticks and focus outlive a renewal
  const reference = (box) => box.value.split(":")[0];
  const all = () => [...area.querySelectorAll("tbody tr")];
  const named = () => all().map((row) => row.querySelector("th a").id);

  let before = null;
  addEventListener("htmx:beforeSwap", (event) => {
    if (!area?.contains(event.detail.target)) return;
    const focus = document.activeElement;
    before = {
      ticked: [...area.querySelectorAll("[name=case]:checked")].map(reference),
      named: named(),
      focus: focus?.closest("tr") && area.contains(focus)
        ? { row: focus.closest("tr").querySelector("th a").id, what: focus.localName }
        : { id: area.contains(focus) ? focus.id : "" },
      top: scrollY,
    };
  });
  addEventListener("htmx:afterSettle", () => {
    if (!before) return;
    const was = before;
    before = null;
    area.querySelectorAll("[name=case]").forEach((box) => { box.checked = was.ticked.includes(reference(box)); });
    const row = was.focus.row && $(was.focus.row)?.closest("tr");
    const found = row ? row.querySelector(was.focus.what) || row.querySelector("a") : $(was.focus.id);
    found?.focus({ preventScroll: true });
    scrollTo(0, was.top);
    tell(named().filter((one) => !was.named.includes(one)).length);
  });

  // ---------------------------------------------------------------- when to look
  const paused = () => sessionStorage.getItem(PAUSED) === "1";
  const pause = $("pause");
  if (area && pause) {
    pause.hidden = false;
    pause.setAttribute("aria-pressed", paused());
    pause.addEventListener("click", () => {
      sessionStorage.setItem(PAUSED, paused() ? "0" : "1");
      pause.setAttribute("aria-pressed", paused());
      if (paused()) hush();
      else listen();
    });
  }
  function back() {
    arrived = 0;
    document.title = title;
    if (waits) renew();
  }
  addEventListener("focus", back);
  addEventListener("visibilitychange", () => { if (!document.hidden) back(); });
  addEventListener("focusout", () => setTimeout(() => { if (waits) renew(); }));
  addEventListener("pagehide", hush);
  addEventListener("pageshow", () => { if (!(pause && paused())) listen(); });

  // ---------------------------------------------------------------- paper
  document.querySelectorAll("[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => print());
  });

  // ---------------------------------------------------------------- keys
  const keys = $("keys");
  $("show-keys")?.addEventListener("click", (event) => { event.preventDefault(); keys.showModal(); });

  function move(by) {
    const links = [...document.querySelectorAll("table.list tbody th a")];
    const row = document.activeElement?.closest("tr");
    const at = links.findIndex((link) => link.closest("tr") === row);
    links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))]?.focus();
  }

  function search() {
    const words = $("words");
    const folded = words?.closest("details");
    if (folded) folded.open = true;
    words?.focus();
  }

  let went = 0;
  addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    if (at.closest?.("textarea, select, [contenteditable], input:not([type=checkbox])")) return;
    if (!keys) return;
    const view = went > Date.now() - 1500 && document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    went = event.key === "g" ? Date.now() : 0;
    if (view) view.click();
    else if (event.key === "j" || event.key === "ArrowDown") move(1);
    else if (event.key === "k" || event.key === "ArrowUp") move(-1);
    else if (event.key === "x") at.closest?.("tr")?.querySelector("[name=case]")?.click();
    else if (event.key === "/") search();
    else if (event.key === "?") keys.showModal();
    else return;
    event.preventDefault();
  });
})();
