// The barge panel: number keys, listening, the countdown, and a guard against a second press.
(() => {
  const REPEAT_GUARD_MS = 400;
  let armedAt = 0;
  let ticking = 0;
  let asking = 0;
  let sound = null;
  let playing = null;

  const panel = () => document.getElementById("panel");

  // --- Listen in the browser --------------------------------------------------------------------
  function stop() {
    sound?.pause();
    sound = null;
    if (playing) {
      playing.querySelector("[data-shape]").textContent = "▶";
      playing.setAttribute("aria-pressed", "false");
    }
    playing = null;
  }

  function listen(link) {
    const wasPlaying = playing === link;
    stop();
    if (wasPlaying) return;
    playing = link;
    sound = new Audio(link.href);
    sound.addEventListener("ended", stop);
    sound.addEventListener("error", () => {
      stop();
      window.portal.announce("This recording cannot be played in your browser.");
    });
    link.querySelector("[data-shape]").textContent = "■";
    link.setAttribute("aria-pressed", "true");
    sound.play().catch(stop);
  }

  // --- Arm button follows the checklist ----------------------------------------------------------
  function followFacts() {
    const facts = document.getElementById("facts");
    if (!facts) return;
    followArm(window.portal.isCutOff() ? "the portal does not answer" : facts.dataset.blocked.trim());
    const stopped = facts.dataset.changed || facts.dataset.blocked.trim();
    if (stopped) switchFireOff(`${stopped}. Look again, and decide anew.`);
  }

  function followArm(blocked) {
    const button = document.getElementById("arm-button");
    const why = document.getElementById("why");
    if (!button) return;
    const missing = blocked ? "" : stillMissing();
    const words = blocked ? `Cannot be armed: ${blocked}.` : missing && `To arm, ${missing}.`;
    button.disabled = words !== "" || "never" in button.dataset;
    why.hidden = words === "";
    why.classList.toggle("is-blocked", blocked !== "");
    if (why.textContent !== words) why.textContent = words;
  }

  function stillMissing() {
    const form = document.getElementById("arm");
    const missing = [];
    if (form.querySelector("[name=clip]") && !form.querySelector("[name=clip]:checked")) missing.push("choose a recording");
    if (!form.elements.reason.value.trim()) missing.push("give a reason");
    return missing.join(" and ");
  }

  // What was armed no longer fits the call: it stays off until somebody has looked again.
  function switchFireOff(why) {
    const fire = document.getElementById("fire");
    const disarm = document.getElementById("disarm");
    if (!fire || fire.disabled) return;
    disarm.querySelector("[data-words]").textContent = "Look again";
    if ([fire, document.body].includes(document.activeElement)) disarm.focus();
    fire.disabled = true;
    const told = document.getElementById("fire-why");
    told.textContent = why;
    told.hidden = false;
  }

  // --- Armed: count down to safe by the server's span, whatever the viewer's clock says -----------
  function countDown() {
    clearInterval(ticking);
    const shown = document.getElementById("countdown");
    if (!shown) return;
    armedAt = performance.now();
    const span = Number(shown.dataset.armedS);
    const bar = document.getElementById("span");
    bar.hidden = false;
    const tick = () => {
      const rest = span - (performance.now() - armedAt) / 1000;
      const left = Math.ceil(rest);
      bar.value = Math.max(0, rest);
      if (left > 0) {
        shown.textContent = `safe again in ${left} s`;
        return;
      }
      clearInterval(ticking);
      shown.textContent = "safe again";
      // The answer tells it, and puts the focus on Arm.
      document.getElementById("ran-out").disabled = false;
      document.getElementById("disarm").click();
      document.getElementById("fire").disabled = true;
    };
    tick();
    window.portal.announce(`Armed. Safe again in ${span} seconds.`);
    ticking = setInterval(tick, 250);
  }

  // --- Pressed: no longer armed, and nothing is safe, until an answer is there -------------------
  function showInstead(word) {
    clearInterval(ticking);
    document.getElementById("armed-word").textContent = word;
    for (const id of ["countdown", "span"]) document.getElementById(id).hidden = true;
    panel().classList.add("is-sending");
  }

  document.addEventListener("htmx:beforeSend", (event) => {
    if (!isFire(event)) return;
    showInstead("Sending …");
    window.portal.announce("Sending.");
  });

  // The answer was lost: what became of the press is found out by its key. Nothing is sent again.
  function lose(event) {
    const isOurFault = event.type === "htmx:responseError" && event.detail.xhr.status < 500;
    if (!isFire(event) || isOurFault || !document.getElementById("pressed")) return;
    showInstead("No answer yet");
    for (const id of ["fire", "disarm"]) document.getElementById(id).disabled = true;
    const told = document.getElementById("fire-why");
    told.textContent = "The answer to Barge now was lost. The portal is asked whether your press arrived; nothing is sent again.";
    told.hidden = false;
    told.tabIndex = -1; // the buttons are off: whoever was on one goes on from here
    told.focus();
    window.portal.announce(told.textContent);
    clearInterval(asking);
    asking = setInterval(ask, 1000);
  }

  function ask() {
    const pressed = document.getElementById("pressed");
    if (pressed) htmx.trigger(pressed, "lost");
    else clearInterval(asking);
  }

  const isFire = (event) => event.detail.requestConfig?.path.endsWith("/fire/");
  for (const type of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    // Only afterwards: htmx gives the buttons back when a request has ended.
    document.addEventListener(type, (event) => setTimeout(() => lose(event)));
  }

  function refresh() {
    for (const link of document.querySelectorAll("[data-play]")) {
      link.setAttribute("role", "button");
      link.setAttribute("aria-pressed", "false");
    }
    followFacts();
  }

  // --- Events -------------------------------------------------------------------------------------
  document.addEventListener("line-changed", followFacts);

  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt.id === "panel") document.title = `${event.detail.elt.dataset.title} · Barge Portal`;
    if (event.detail.elt.id === "panel" || event.detail.elt === document.body) {
      stop();
      refresh();
      countDown();
    } else if (event.detail.elt.id === "facts") followFacts();
  });

  // A held key or a double click must not be the second act.
  function isTooSoon() {
    return performance.now() - armedAt < REPEAT_GUARD_MS;
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-play]");
    if (link) {
      event.preventDefault();
      listen(link);
    }
    if (event.target.closest("#fire") && isTooSoon()) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  for (const type of ["input", "change"]) {
    document.addEventListener(type, (event) => {
      if (!event.target.closest?.("#arm")) return;
      followFacts();
      if (type === "change" && event.target.name === "clip") htmx.trigger("#facts", "call-changed");
    });
  }

  document.addEventListener("submit", (event) => {
    if (event.target.id === "armed" && event.submitter?.id !== "disarm" && isTooSoon()) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }, true);

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.repeat && event.target.closest?.("#panel")) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    if (event.key === " " && event.target.matches?.("[data-play]")) {
      event.preventDefault();
      listen(event.target);
      return;
    }
    if (event.key === "Escape") {
      const disarm = document.getElementById("disarm");
      const close = panel()?.querySelector("[data-close]");
      if (disarm) disarm.click();
      else if (close && panel().contains(event.target) && !window.portal.isTyping(event.target)) close.click();
      return;
    }
    if (/^[1-9]$/.test(event.key) && window.portal.allowsKey(event)) {
      const radio = panel()?.querySelector(`input[data-key="${event.key}"]`);
      if (radio) {
        event.preventDefault();
        radio.checked = true;
        radio.focus();
        radio.dispatchEvent(new Event("change", { bubbles: true }));
        window.portal.announce(radio.closest(".clip").querySelector(".title").textContent);
      }
    }
  }, true);
})();
