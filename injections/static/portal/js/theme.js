// Light or dark: the viewer's system decides until the button is used. Shared with the admin.
(() => {
  const root = document.documentElement;
  const stored = document.cookie.match(/(?:^|; )theme=(light|dark)/);
  if (stored) root.dataset.theme = stored[1];

  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-toggle]")) {
      const name = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
      button.hidden = false;
      name();
      button.addEventListener("click", () => {
        const theme = isDark() ? "light" : "dark";
        root.dataset.theme = theme;
        document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax`;
        name();
      });
    }
  });
})();
