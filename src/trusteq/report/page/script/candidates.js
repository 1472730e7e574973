
/** The candidate that evidence and items show: one state, two controls. */
function candidateSwitch(whenChosen, settle) {
  const blocks = [...document.querySelectorAll(".of-candidate")];
  const field = byId("switch");
  const select = byId("candidate");
  const radio = (value) => field.querySelector(`input[value="${value}"]`);

  function show(value) {
    document.documentElement.dataset.chosen = value;
    for (const block of blocks) block.hidden = value !== "all" && block.dataset.candidate !== value;
    settle();
  }

  function choose(index) {
    if (!field) return;
    const value = String(index);
    if (!radio(value)) return;
    radio(value).checked = true;
    select.value = value;
    show(value);
    whenChosen(Number(value));
  }

  if (field) {
    field.hidden = false;
    field.addEventListener("change", (event) => {
      if (event.target.value === "all") show("all");
      else choose(event.target.value);
    });
    select.addEventListener("change", () => choose(select.value));
  }
  return choose;
}

/** Go to the part of the evidence that the address names and show its candidate; null where it names none. */
function toEvidence(choose) {
  const block = document.querySelector(".of-candidate[id='" + CSS.escape(location.hash.slice(1)) + "']");
  if (!block) return null;
  if (block.hidden) choose(block.dataset.candidate);
  const all = document.documentElement.dataset.chosen === "all";
  (all ? block : block.closest("section")).scrollIntoView();
  block.tabIndex = -1;
  block.focus({ preventScroll: true });
  return block;
}

/** The button that cycles through the colours: the system's, light, dark. */
function themeButton() {
  const button = byId("theme");
  const themes = ["auto", "light", "dark"];
  const root = document.documentElement;
  const showTheme = () => { byId("theme-now").textContent = root.dataset.theme ?? "auto"; };
  button.hidden = false;
  showTheme();
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme ?? "auto") + 1) % themes.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem("trusteq-theme");
      else localStorage.setItem("trusteq-theme", next);
    } catch { /* the choice lasts until the page is closed */ }
    showTheme();
  });
}

/** The Tab key stops only at areas that can be scrolled. */
function scrollStops() {
  const settle = () => {
    const areas = [...document.querySelectorAll(".scroll")];
    const wider = areas.map((area) => area.scrollWidth > area.clientWidth + 1);
    areas.forEach((area, i) => {
      area.classList.toggle("wider", wider[i]);
      if (wider[i]) area.tabIndex = 0;
      else area.removeAttribute("tabindex");
    });
  };
  settle();
  addEventListener("resize", settle);
  document.addEventListener("toggle", settle, true);
  return settle;
}

/** Whatever is collapsed is printed. */
function openForPrint() {
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
}
