
/** The item and the candidate that the page's address names, and their positions. */
function addressed(items) {
  const named = new URLSearchParams(location.hash.slice(1));
  const [id, name, condition] = ["item", "candidate", "common"].map((key) => named.get(key));
  return { id, name, condition, at: items.place.get(id), candidate: items.models.indexOf(name, 1) - 1 };
}

/** Show a line if the address names an item or a candidate that this page does not have. */
function showAstray({ id, name, at, candidate }, items) {
  const notes = [];
  const quoted = (text) => ["'", isolated(text.slice(0, 80)), "'"];
  if (id !== null && at === undefined) notes.push("This page has no item ", ...quoted(id), ". ");
  if (name !== null && candidate < 0) notes.push("There is no candidate ", ...quoted(name), "; ",
    isolated(items.models[items.other]), " is shown. ");
  const line = byId("astray");
  line.hidden = !notes.length;
  if (!notes.length) return;
  line.replaceChildren(...notes, "The address may be truncated, or belong to another report.");
  line.scrollIntoView({ block: "center" });
  line.focus({ preventScroll: true });
}

async function start() {
  themeButton();
  openForPrint();
  let items = null;
  let list = null;
  let item = null;
  const settle = scrollStops();
  const choose = candidateSwitch((candidate) => {
    if (!items) return;
    items.candidate = candidate;
    if (list.untouched) list.showWorst();
    else list.refresh();
    if (list.untouched && list.matching.length) item.show(list.matching[0]);
    else if (item.at !== undefined) item.show(item.at);
  }, settle);
  choose(0);
  const follow = () => {
    const block = toEvidence(choose);
    if (!items || block) return block;
    const named = addressed(items);
    if (named.candidate >= 0 && named.candidate !== items.candidate) choose(named.candidate);
    if (named.at !== undefined) item.show(named.at, { focus: true });
    else if (named.id !== null) item.hide();
    else if (items.conditions[named.condition]) list.showCondition(named.condition);
    showAstray(named, items);
    return null;
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => {
    // Following a link to the current address does not change the address.
    if (location.hash && event.target.closest("a")?.hash === location.hash && follow()) event.preventDefault();
  });
  try {
    const [data, words] = [await read("data-items"), await read("data-words")];
    items = new Items(data);
    list = new List(items);
    item = new Item(items, words, list);
  } catch (error) {
    items = null;
    document.querySelector(".without-script").textContent = `The item browser cannot be shown: ${error.message}`;
    document.documentElement.classList.remove("scripted");
    return;
  }
  list.open = (i) => (i === undefined ? item.hide() : item.show(i));
  byId("browser").hidden = false;
  // An address that names items finds them among all.
  const named = addressed(items);
  if (named.id === null && named.condition === null) list.showWorst();
  else list.refresh();
  follow();
  if (item.at === undefined && byId("astray").hidden && list.matching.length) item.show(list.matching[0]);
  settle();
  performance.mark("ready");
  document.documentElement.dataset.ready = "yes";
}

start();
