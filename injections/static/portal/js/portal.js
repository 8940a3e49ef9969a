// What every page needs: times in the viewer's zone, announcements, trouble with the line, shortcuts.
(() => {
  document.documentElement.classList.add("has-js");

  // --- Times: UTC from the server, shown in the viewer's zone --------------------------------
  const time = { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
  const when = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric", ...time });
  const clock = new Intl.DateTimeFormat(undefined, time);

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-when], time[data-clock]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if (!time.title) time.title = time.textContent;
      time.textContent = ("when" in time.dataset ? when : clock).format(at);
    }
  }

  // --- Countdowns go by the server's clock, whatever the viewer's says ----------------------
  let serverNow = Number(document.body.dataset.now);
  let readAt = performance.now();

  function spoken(seconds) {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    if (hours) return `${hours} h ${minutes} min`;
    return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
  }

  function countDown(root) {
    const now = serverNow + (performance.now() - readAt) / 1000;
    for (const time of root.querySelectorAll("time[data-until]")) {
      const left = Math.ceil(Date.parse(time.dateTime) / 1000 - now);
      const words = left > 0 ? `in ${spoken(left)}` : "now";
      if (time.textContent !== words) time.textContent = words;
    }
  }

  setInterval(() => document.hidden || countDown(document), 250);

  // --- One live region: what a part of the page has to say, once ----------------------------
  const said = new Map();
  function announce(text) {
    document.getElementById("announce").textContent = text;
  }

  function announceFrom(root) {
    const source = root.matches("[data-announce]") ? root : root.querySelector("[data-announce]");
    if (!source) return;
    const text = source.dataset.announce;
    // A part that renews itself says only what is new; whatever else was said meanwhile.
    if (source !== root || said.get(root.id) !== text) announce(text);
    said.set(source.id, text);
  }

  // --- htmx ---------------------------------------------------------------------------------
  const notice = document.getElementById("notice");

  function tell(title, text) {
    const box = document.createElement("div");
    box.className = "notice caution";
    const strong = document.createElement("strong");
    strong.textContent = title;
    const span = document.createElement("span");
    span.textContent = text;
    box.append(strong, span);
    notice.replaceChildren(box);
  }

  const BY_ITSELF = new Set([undefined, "wake", "call-changed", "gate-changed", "lost"]);
  const isPoll = (event) => BY_ITSELF.has(event.detail.requestConfig?.triggeringEvent?.type);
  const CUT_OFF = "is-cut-off"; // the portal does not answer: nothing on the page is vouched for
  const isCutOff = () => document.documentElement.classList.contains(CUT_OFF);

  function cutOff(isSo) {
    document.documentElement.classList.toggle(CUT_OFF, isSo);
    document.dispatchEvent(new Event("line-changed"));
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    // A page that nobody looks at asks for nothing.
    if (isPoll(event) && document.hidden) event.preventDefault();
    else if (!isPoll(event) && !isCutOff()) notice.replaceChildren();
  });

  // Somebody else has logged in here, or a role was taken away: the page as a whole is no longer theirs.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (!isPoll(event) || ![403, 404].includes(event.detail.xhr.status)) return;
    event.preventDefault();
    location.reload();
  });

  // A second click on a button that leaves the page is no second act.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if ("sent" in form.dataset) event.preventDefault();
    form.dataset.sent = "";
  });

  // A file that is not taken is told before it is sent, while all that was written is still there.
  document.addEventListener("change", (event) => {
    const { files, dataset } = event.target;
    if (!("mostBytes" in dataset)) return;
    const isTooLong = [...files].some((file) => file.size > Number(dataset.mostBytes));
    const isNameTooLong = [...files].some((file) => file.name.length > Number(dataset.mostLetters));
    event.target.setCustomValidity(isTooLong ? dataset.tooLong : isNameTooLong ? dataset.nameTooLong : "");
    event.target.reportValidity();
  });

  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-sent]")) delete form.dataset.sent;
  });

  function lineDown() {
    if (isCutOff()) return;
    cutOff(true);
    tell("The portal does not answer.", "What you see may be out of date. It is tried again by itself.");
  }

  document.addEventListener("htmx:sendError", lineDown);

  document.addEventListener("htmx:timeout", (event) => {
    if (isPoll(event)) lineDown();
    else tell("The portal takes too long to answer.", "Look at the list of injections before you repeat anything.");
  });

  document.addEventListener("htmx:responseError", (event) => {
    const { status } = event.detail.xhr;
    if (isPoll(event)) {
      if (status >= 502) lineDown(); // whoever stands before the portal answers in its place
      return;
    }
    if (status < 500) return;
    tell(
      "The portal made a mistake.",
      "If you had just barged, look at the list of injections first: it shows whether anything was sent. Request " +
        (event.detail.xhr.getResponseHeader("X-Request-Id") || "unknown") + ".",
    );
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (!isCutOff() || !event.detail.successful) return;
    cutOff(false);
    notice.replaceChildren();
  });

  // A part that is asked for again and again is replaced only when it has changed, and keeps the focus.
  function swapSteady(target, fragment) {
    const fresh = fragment.firstElementChild;
    if (!fresh || plain(fresh) === plain(target)) return [];
    const focused = target.contains(document.activeElement) && document.activeElement;
    target.replaceWith(fresh);
    if (focused) {
      const same = focused.id && document.getElementById(focused.id);
      if (!same) fresh.tabIndex = -1; // it is gone: whoever was there goes on from here, not from the top
      (same || fresh).focus({ preventScroll: true });
    }
    return [fresh];
  }

  // What the script itself has written into the page is no change.
  function plain(element) {
    const copy = element.cloneNode(true);
    for (const time of copy.querySelectorAll("time")) {
      time.textContent = "";
      time.removeAttribute("title");
    }
    return [...copy.attributes].filter((a) => a.name.startsWith("data-")).map((a) => a.value).join() +
      copy.innerHTML.replace(/ class=""/g, "").replace(/\s+/g, " ");
  }

  htmx.defineExtension("steady", {
    isInlineSwap: (style) => style === "steady",
    handleSwap: (style, target, fragment) => (style === "steady" ? swapSteady(target, fragment) : false),
  });

  document.addEventListener("htmx:load", (event) => {
    const root = event.detail.elt;
    if (root.id === "strip") [serverNow, readAt] = [Number(root.dataset.now), performance.now()];
    window.portal.settle(root);
    announceFrom(root);
    const wanted = root.matches("[data-focus]") ? root : root.querySelector("[data-focus]");
    if (root !== document.body && wanted) wanted.focus({ preventScroll: false });
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const polled of document.querySelectorAll("[hx-trigger^=every]")) htmx.trigger(polled, "wake");
  });

  // --- Shortcuts of one character can be switched off (WCAG 2.1.4) ----------------------------
  const toggle = document.querySelector("[data-shortcuts]");
  const isTyping = (target) => target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  window.portal = {
    announce,
    tell,
    isCutOff,
    isTyping,
    settle: (root) => {
      localise(root);
      countDown(root);
    },
    allowsKey: (event) =>
      toggle?.dataset.shortcuts === "on" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target),
  };
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      const state = toggle.dataset.shortcuts === "on" ? "off" : "on";
      toggle.dataset.shortcuts = state;
      toggle.textContent = `Keyboard shortcuts: ${state}`;
      document.cookie = `shortcuts=${state};path=/;max-age=31536000;samesite=lax`;
    });
  }

  document.addEventListener("keydown", (event) => {
    const search = document.querySelector("input[type=search]");
    if (event.key === "/" && search && window.portal.allowsKey(event)) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  });

  localise(document);
})();
