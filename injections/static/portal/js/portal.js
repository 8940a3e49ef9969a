// What every page needs: times in the viewer's zone, announcements, trouble with the line, shortcuts.
(() => {
  document.documentElement.classList.add("has-js");

  // --- Times: UTC from the server, shown in the viewer's zone --------------------------------
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-when], time[data-clock]")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if (!time.title) time.title = time.textContent;
      time.textContent = ("when" in time.dataset ? when : clock).format(at);
    }
  }

  // --- One live region: says what was observed, once ----------------------------------------
  let said = "";
  function announce(text) {
    if (!text || text === said) return;
    said = text;
    document.getElementById("announce").textContent = text;
  }

  function announceFrom(root) {
    const source = root.matches?.("[data-announce]") ? root : root.querySelector?.("[data-announce]");
    if (source) announce(source.dataset.announce);
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

  const isPoll = (event) => !event.detail.requestConfig?.triggeringEvent;
  let isLineDown = false;

  document.addEventListener("htmx:beforeRequest", (event) => {
    // A page that nobody looks at asks for nothing.
    if (isPoll(event) && document.hidden) event.preventDefault();
    else if (!isPoll(event) && !isLineDown) notice.replaceChildren();
  });

  document.addEventListener("htmx:sendError", (event) => {
    isLineDown = true;
    const wasFired = event.detail.requestConfig.path.endsWith("/fire/");
    tell(
      "The portal does not answer.",
      wasFired
        ? "It is not known whether the barge was sent. Pressing Barge now again cannot play it twice; or look at the list of injections."
        : "What you see may be out of date. It is tried again by itself.",
    );
  });

  document.addEventListener("htmx:timeout", (event) => {
    if (isPoll(event)) return;
    tell("The portal takes too long to answer.", "Look at the list of injections before you repeat anything.");
  });

  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status < 500 || isPoll(event)) return;
    tell(
      "The portal made a mistake.",
      "If you had just barged, look at the list of injections first: it shows whether anything was sent. Request " +
        (event.detail.xhr.getResponseHeader("X-Request-Id") || "unknown") + ".",
    );
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (isLineDown && event.detail.successful) {
      isLineDown = false;
      notice.replaceChildren();
    }
  });

  document.addEventListener("htmx:load", (event) => {
    const root = event.detail.elt;
    localise(root);
    announceFrom(root);
    const wanted = root.matches("[data-focus]") ? root : root.querySelector("[data-focus]");
    if (root !== document.body && wanted) wanted.focus({ preventScroll: false });
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const polled of document.querySelectorAll("[hx-trigger^=every]")) htmx.trigger(polled, "wake");
  });

  // --- Shortcuts of one character can be switched off (WCAG 2.1.4) ----------------------------
  const toggle = document.querySelector("[data-shortcuts]");
  const isTyping = (target) => target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  window.portal = {
    announce,
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
