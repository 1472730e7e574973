
/** The item and the candidate that the page's address names. */
function addressed(items) {
  const named = new URLSearchParams(location.hash.slice(1));
  const candidate = items.models.indexOf(named.get("candidate"), 1) - 1;
  return { at: items.place.get(named.get("item")), candidate };
}

async function start() {
  themeButton();
  let items = null;
  let list = null;
  let item = null;
  const choose = candidateSwitch((candidate) => {
    if (!items) return;
    items.candidate = candidate;
    list.refresh();
    if (item.at !== undefined) item.show(item.at);
  });
  const settle = scrollStops();
  choose(0);
  try {
    items = new Items(await read("data-items"));
    list = new List(items);
    item = new Item(items, await read("data-words"), list);
  } catch (error) {
    document.querySelector(".without-script").textContent = `The item browser cannot be shown: ${error.message}`;
    document.documentElement.classList.remove("scripted");
    return;
  }
  byId("browser").hidden = false;
  list.refresh();
  const follow = () => {
    const { at, candidate } = addressed(items);
    if (candidate >= 0 && candidate !== items.candidate) choose(candidate);
    if (at !== undefined) item.show(at, { focus: true });
  };
  addEventListener("hashchange", follow);
  follow();
  if (item.at === undefined && list.found.length) item.show(list.found[0]);
  settle();
  performance.mark("ready");
  document.documentElement.dataset.ready = "yes";
}

start();
