
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("scripted");
  try {
    const theme = localStorage.getItem("trusteq-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch { /* without permission to store anything, the page follows the system */ }
})();
