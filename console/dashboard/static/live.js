// Keeps a page as it is now: told of a change by /events, it fetches its own address and takes over <main>.
// Without this script the page is the same, and is loaded anew every 30 seconds.
"use strict";
(() => {
  const state = document.getElementById("live");
  const quiet = 400, slowest = 30000;
  let wait = 1000, waiting = false, busy = false, again = false;

  const say = (words, on) => {
    if (state.textContent === words) return;
    state.textContent = words;
    state.className = on ? "live on" : "live off";
  };
  const local = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
  const localTimes = (root) => {
    for (const time of root.querySelectorAll("time")) {
      const at = new Date(time.dateTime);
      if (!at.getTimezoneOffset() || time.nextElementSibling?.className === "local") continue;
      const beside = document.createElement("span");
      beside.className = "local";
      beside.textContent = ` ${local.format(at)}`;
      time.after(beside);
    }
  };
  const dirty = () => [...document.querySelectorAll("main form :is(input, select, textarea)")].some((field) =>
    field.type === "checkbox" ? field.checked !== field.defaultChecked
    : field.type === "select-one" ? [...field.options].some((one) => one.selected && !one.defaultSelected && one.index > 0)
    : field.value !== field.defaultValue);
  const key = (element) => element?.id ? `#${CSS.escape(element.id)}`
    : element?.getAttribute?.("href") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;

  const take = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html"), main = document.querySelector("main");
    const fresh = next.querySelector("main");
    if (!fresh) return;
    const footer = next.querySelector("footer");
    if (footer) { localTimes(footer); document.querySelector("footer").replaceChildren(...footer.childNodes); }
    const focused = main.contains(document.activeElement) ? key(document.activeElement) : null;
    for (const one of main.querySelectorAll("details[open][id]")) fresh.querySelector(key(one))?.setAttribute("open", "");
    const scrolled = [...main.querySelectorAll(".scroll, pre")].map((one) => [one.scrollLeft, one.scrollTop]);
    localTimes(fresh);
    main.replaceChildren(...fresh.childNodes);
    document.title = next.title;
    main.querySelectorAll(".scroll, pre").forEach((one, n) => [one.scrollLeft, one.scrollTop] = scrolled[n] ?? [0, 0]);
    if (focused) main.querySelector(focused)?.focus({ preventScroll: true });
  };
  const hold = () => { waiting = true; say("live; waits while you type", true); };
  const refresh = async () => {
    if (busy) { again = true; return; }
    if (dirty()) { hold(); return; }
    busy = true; waiting = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
      const text = await answer.text();
      if (answer.ok && dirty()) hold();
      else if (answer.ok) { take(text); say("live", true); }
    } catch { say("connection lost", false); }
    busy = false;
    if (again) { again = false; setTimeout(refresh, quiet); }
  };
  const listen = () => {
    const events = new EventSource("/events");
    // From "ready" on every change is told; what was changed before is fetched now.
    events.addEventListener("ready", () => { wait = 1000; say("live", true); refresh(); });
    events.addEventListener("changed", refresh);
    events.addEventListener("ended", () => { events.close(); location.reload(); });
    events.onerror = () => {
      events.close();
      say("connection lost", false);
      setTimeout(listen, wait);
      wait = Math.min(wait * 2, slowest);
    };
  };
  document.addEventListener("focusout", () => { if (waiting) setTimeout(refresh, quiet); });
  // How long ago something was seen is only true of now.
  setInterval(() => { if (!document.hidden && getSelection().isCollapsed) refresh(); }, slowest);
  localTimes(document);
  listen();
})();
