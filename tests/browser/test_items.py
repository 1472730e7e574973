"""The item browser: what it finds, in which order, and what it says of an item."""

import marked
import numpy as np
import pytest
from report.page import hostile, made_up

from trusteq.record.evidence import evidence_of
from trusteq.report.page.page import page as page_of

pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")

pytestmark = pytest.mark.slow

MODELS = ("large", "int8", "shortcut")
ROWS = "#rows tr"


@pytest.fixture(scope="module")
def path(written):
    return written("made-up", made_up.html)


@pytest.fixture
def page(browser, path):
    """The page with all items, and the second candidate chosen: it is the one that errs."""
    browser.open(path)
    browser.click(".presets [data-show=all]")
    browser.choose("candidate", "1")
    return browser


@pytest.fixture(scope="module")
def known():
    """What the run says of its items: ids, labels, answers and confidences of every model."""
    made = made_up.evidence()
    p = made.probabilities
    return {
        "ids": list(made.items["id"]),
        "gold": made.gold,
        "answers": p.argmax(axis=2),
        "sure": p.max(axis=2),
        "labels": made.labels,
    }


def ids(browser):
    """The ids listed on all pages, in order."""
    found = []
    while True:
        found += browser.texts(f"{ROWS} a")
        after = browser.find("#after")
        if not after.is_enabled():
            return found
        browser.click(after)


# finding


def test_it_opens_at_the_worst_items_most_confident_first(browser, path, known):
    before, _, after = known["answers"]
    sure = np.rint(known["sure"][2] * 10_000)
    assert not ((before == known["gold"]) & (after != known["gold"])).any()  # else these came first
    browser.open(path, "#candidate=shortcut")
    changed = np.flatnonzero(before != after)
    assert ids(browser) == [known["ids"][i] for i in sorted(changed, key=lambda i: (-sure[i], i))]
    assert browser.find(".presets [aria-pressed=true]").text == "Changed answers"
    browser.choose("sort", "run")  # from here on the reader's choice holds, whichever candidate is shown
    browser.choose("candidate", "0")
    assert browser.find("#sort").get_attribute("value") == "run"


def test_whoever_searches_first_searches_all_items(browser, path):
    browser.open(path)
    browser.find("#search").send_keys("pair-04")
    assert ids(browser) == [f"pair-{i:03d}" for i in range(40, 50)]


def test_an_address_that_names_an_item_finds_it_among_all(browser, path, known):
    browser.open(path, f"#item={known['ids'][30]}")
    assert browser.find("#count").text == "110 of 110 items"
    assert browser.find("#item-title").text == f"Item {known['ids'][30]}"


def test_it_lists_every_item_page_by_page(page, known):
    assert len(page.all(ROWS)) == 25
    assert page.find("#count").text == "110 of 110 items"
    assert ids(page) == known["ids"]
    assert page.find("#where").text == "page 5 of 5"
    page.click("#before")
    assert page.texts(f"{ROWS} a") == known["ids"][75:100]


@pytest.mark.parametrize("kind", ["changed", "right-wrong", "wrong-right", "wrong-wrong", "wrong"])
def test_it_filters_by_what_becomes_of_the_answer(page, known, kind):
    before, _, after = known["answers"]
    right, still = before == known["gold"], after == known["gold"]
    wanted = {
        "changed": before != after,
        "right-wrong": right & ~still,
        "wrong-right": ~right & still,
        "wrong-wrong": ~right & ~still & (before != after),
        "wrong": ~still,
    }[kind]
    page.choose("show", kind)
    assert ids(page) == [id_ for id_, is_ in zip(known["ids"], wanted, strict=True) if is_]
    n = int(wanted.sum())
    assert page.find("#count").text == (f"{n} of 110 items" if n else "None of the 110 items matches.")


def test_it_filters_by_slice(page, known):
    options = dict(
        zip(
            page.texts("#slice option"),
            page.run("return [...document.getElementById('slice').options].map((o) => o.value)"),
            strict=True,
        )
    )
    genre = list(made_up.evidence().items["column genre"])
    page.choose("slice", options[f"news ({genre.count('news')})"])
    assert ids(page) == [id_ for id_, g in zip(known["ids"], genre, strict=True) if g == "news"]
    labels = [known["labels"][code] for code in known["gold"]]
    page.choose("slice", options[f"neutral ({labels.count('neutral')})"])
    page.choose("show", "wrong")
    wanted = [
        id_
        for id_, label, answer, gold in zip(known["ids"], labels, known["answers"][2], known["gold"], strict=True)
        if label == "neutral" and answer != gold
    ]
    assert ids(page) == wanted


def test_it_searches_ids_and_texts_in_any_letters(page):
    frame = made_up.evidence().items
    page.find("#search").send_keys("VIOLIN")
    assert ids(page) == list(frame["id"][frame["segment premise"].str.contains("violin")])
    page.find("#search").clear()
    page.find("#search").send_keys("pair-042")
    assert ids(page) == ["pair-042"]
    page.find("#search").clear()
    page.find("#search").send_keys(" garden  VIOLIN ")
    texts = frame["segment premise"] + " " + frame["segment hypothesis"]
    wanted = list(frame["id"][texts.str.contains("violin") & texts.str.contains("garden")])
    assert 0 < len(wanted) < frame["segment premise"].str.contains("violin").sum()
    assert ids(page) == wanted
    page.find("#search").send_keys("!")
    assert page.find("#count").text == "None of the 110 items matches."
    assert page.find("#count").get_attribute("aria-live") == "polite"


def test_it_sorts_by_confidence_and_by_its_change(page, known):
    rounded = np.rint(known["sure"] * 10_000)
    page.choose("sort", "confidence")
    assert ids(page) == [known["ids"][i] for i in np.argsort(-rounded[2], kind="stable")]
    page.choose("sort", "shift")
    shift = np.abs(rounded[2] - rounded[0])
    found = ids(page)
    assert sorted(found) == sorted(known["ids"])
    falling = [shift[known["ids"].index(id_)] for id_ in found]
    assert falling == sorted(falling, reverse=True)


def test_the_least_aligned_come_first(page):
    (button,) = [b for b in page.all(".presets button") if b.text == "Least aligned"]
    page.click(button)
    assert button.get_attribute("aria-pressed") == "true"
    shown = [float(text.replace("−", "-")) for text in page.texts(f"{ROWS} td.figure")]
    assert shown == sorted(shown)
    explained = set(made_up.evidence().attributions["id"])
    assert set(page.texts(f"{ROWS} a")) <= explained
    assert page.find("#count").text == f"{len(explained)} of 110 items"


def test_the_most_confident_and_wrong_come_first(page, known):
    (button,) = [b for b in page.all(".presets button") if b.text == "Most confident and wrong"]
    page.click(button)
    wrong = np.flatnonzero(known["answers"][2] != known["gold"])
    sure = np.rint(known["sure"][2][wrong] * 10_000)
    assert ids(page) == [known["ids"][i] for i in wrong[np.argsort(-sure, kind="stable")]]


def test_a_candidate_is_chosen_for_evidence_and_items_alike(page):
    def seen():
        return page.run(
            "return [...new Set([...document.querySelectorAll('.of-candidate')].filter((e) => !e.hidden)"
            ".map((e) => e.dataset.candidate))]"
        )

    assert seen() == ["1"]
    assert page.run("return document.querySelector('#switch input:checked').value") == "1"
    page.run("document.querySelector('#switch input[value=\"0\"]').click()")
    assert seen() == ["0"]
    assert page.find("#candidate").get_attribute("value") == "0"
    page.run("document.querySelector('#switch input[value=\"all\"]').click()")
    assert seen() == ["0", "1"]


# one item


def open_item(browser, path, id_, candidate="shortcut"):
    browser.open(path, f"#item={id_}&candidate={candidate}")
    assert browser.find("#item-title").text == f"Item {id_}"


def explained_ids():
    return made_up.evidence().attributions["id"].unique().tolist()


def test_its_address_opens_an_item_with_both_models_probabilities(browser, path, known):
    for i in (0, 57, 109):
        open_item(browser, path, known["ids"][i])
        shown = np.array([float(x) for x in browser.texts(".probability .figure")]).reshape(3, 2)
        np.testing.assert_allclose(shown.T, made_up.evidence().probabilities[[0, 2], i], atol=5e-5)
        assert browser.texts(".probabilities thead bdi") == ["large", "shortcut"]
        marked = browser.texts(".probabilities tbody tr:has(th .note) th bdi")
        assert marked == [known["labels"][known["gold"][i]]]
        assert browser.run("return document.activeElement.id") == "item-title"


@pytest.mark.parametrize("method", ["shapley", "lime"])
def test_words_weigh_what_the_run_says_on_one_scale_for_both_models(browser, path, method):
    frame = made_up.evidence().attributions
    id_ = explained_ids()[3]
    open_item(browser, path, id_)
    if method == "lime":
        browser.run("document.querySelector('input[name=method][value=\"1\"]').click()")
    own = dict(iter(frame[frame["id"] == id_].groupby("model")))
    largest = max(own[name][method].abs().max() for name in ("large", "shortcut"))
    units = browser.run(
        "return [...document.querySelectorAll('.segment')].flatMap((s) => [...s.querySelectorAll('.reading')]"
        ".flatMap((line, side) => [...line.querySelectorAll('.unit')].map((u) => [side, u.firstChild.data, u.title,"
        " Number(u.style.getPropertyValue('--strength')), u.classList.contains('against'),"
        " u.classList.contains('top')])))"
    )
    for side, name in enumerate(("large", "shortcut")):
        shown = [unit[1:] for unit in units if unit[0] == side]
        assert [word for word, *_ in shown] == list(own[name]["word"])
        top = own[name][method].abs().rank(method="first", ascending=False) <= 4
        for (_, title, strength, against, is_top), weight, error, in_top in zip(
            shown, own[name][method], own[name][f"{method}_error"], top, strict=True
        ):
            assert strength == pytest.approx(abs(weight) / largest, abs=1e-3)
            assert against == (round(weight, 5) < 0)
            assert is_top == in_top
            said, _, rest = title.replace("−", "-").partition(" ± ")
            assert float(said) == pytest.approx(weight, abs=6e-4)
            assert float(rest.split(",")[0]) == pytest.approx(error, abs=6e-4)


def test_weight_and_sign_are_told_without_colour(browser, path):
    open_item(browser, path, explained_ids()[3])
    drawn = browser.run(
        "return [...document.querySelectorAll('.reading .unit')].map((u) => { const s = getComputedStyle(u); return ["
        "Number(u.style.getPropertyValue('--strength')), u.classList.contains('against'), s.borderBottomStyle,"
        " parseFloat(s.borderBottomWidth), u.classList.contains('top'), Number(s.fontWeight)] })"
    )
    drawn = [unit for unit in drawn if unit[2] != "dotted"]
    assert {style for _, against, style, *_ in drawn if against} <= {"dashed"}
    assert {style for _, against, style, *_ in drawn if not against} == {"solid"}
    widths = [width for _, _, _, width, _, _ in sorted(drawn)]
    assert widths == sorted(widths)
    assert widths[-1] >= 4
    assert all((weight > 600) == top for *_, top, weight in drawn)


def test_what_may_be_nothing_is_faint_and_dotted(browser, path):
    """A weight within two standard errors of zero."""
    frame = made_up.evidence().attributions
    seen = set()
    for id_ in explained_ids()[:4]:
        open_item(browser, path, id_)
        own = frame[(frame["id"] == id_) & (frame["model"] == "shortcut")]
        drawn = browser.run(
            "return [...document.querySelectorAll('.sides > div:last-child .unit')].map((u) => {"
            "const s = getComputedStyle(u);"
            "return [s.borderBottomStyle === 'dotted', s.color, s.fontWeight === '400', u.title.includes('effect')] })"
        )
        ink = browser.run("return getComputedStyle(document.getElementById('item-title')).color")
        for (dotted, colour, thin, said), weight, error in zip(
            drawn, own["shapley"], own["shapley_error"], strict=True
        ):
            unsure = abs(weight) < 2 * error
            assert (dotted, colour != ink, said) == (unsure, unsure, unsure)
            assert thin or not unsure
            seen.add(unsure)
    assert seen == {True, False}
    assert "within two standard errors of zero" in browser.find(".legend").text


def test_the_legend_says_whose_answer_the_words_speak_for(browser, path, known):
    before, _, after = known["answers"]
    changed = [i for i in map(known["ids"].index, explained_ids()) if before[i] != after[i]]
    same = [i for i in map(known["ids"].index, explained_ids()) if before[i] == after[i]]
    for i, whose in ((changed[0], "the reference's answer"), (same[0], "the answer of both")):
        open_item(browser, path, known["ids"][i])
        label = known["labels"][before[i]]
        assert browser.find(".legend").text.startswith(f"supports opposes '{label}', {whose};")


def test_an_item_that_was_not_explained_says_how_to_explain_more(browser, path, known):
    open_item(browser, path, next(id_ for id_ in known["ids"] if id_ not in explained_ids()))
    said = browser.find("#item .fine").text
    assert said.startswith("This item was not explained. An audit explains a random sample, here 43 of 110 items; ")
    assert "--explain-items N" in said


def test_the_method_is_switched_for_words_sentence_list_and_order(page, path):
    frame = made_up.evidence().attributions
    page.click(next(b for b in page.all(".presets button") if b.text == "Least aligned"))

    def cosines(method):
        found = {}
        for id_, own in frame.groupby("id"):
            a, b = (own[own["model"] == name][method].to_numpy() for name in ("large", "shortcut"))
            found[id_] = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        return found

    for place, (method, said) in enumerate((("shapley", "Shapley"), ("lime", "LIME"))):
        page.run("document.querySelector(`input[name=method][value='${arguments[0]}']`).click()", place)
        wanted = cosines(method)
        assert page.find("#agreement-head").text == f"cosine, {said}"
        assert page.find("#sort option:checked").text == f"cosine, {said}, least first"
        opened = page.find("#item-title").text.removeprefix("Item ")
        assert page.texts("#rows a[aria-current]") == [opened]
        sentence = page.texts(".explained .fine")[0].replace("−", "-")
        assert f"The cosine of the two {said} attributions is {wanted[opened]:.2f} here, noise included." in sentence
        while page.find("#before").is_enabled():
            page.click("#before")
        shown = dict(zip(page.texts(f"{ROWS} a"), page.texts(f"{ROWS} td.figure"), strict=True))
        assert list(shown) == sorted(wanted, key=lambda id_: round(wanted[id_], 4))[: len(shown)]
        for id_, text in shown.items():
            assert float(text.replace("−", "-")) == pytest.approx(wanted[id_], abs=6e-3)


def test_a_pair_is_shown_as_a_pair_with_its_texts_whole(browser, path):
    id_ = explained_ids()[5]
    row = made_up.evidence().items.set_index("id").loc[id_]
    open_item(browser, path, id_)
    assert browser.texts(".segment h4") == ["premise", "hypothesis"]
    lines = browser.run(
        "return [...document.querySelectorAll('.reading')].map((line) => { const c = line.cloneNode(true);"
        "c.querySelectorAll('sup').forEach((s) => s.remove()); return c.textContent })"
    )
    assert lines == [row["segment premise"]] * 2 + [row["segment hypothesis"]] * 2


def test_every_word_stands_in_a_table_as_well(browser, path):
    id_ = explained_ids()[0]
    open_item(browser, path, id_)
    own = made_up.evidence().attributions.query("id == @id_ and model == 'large'")
    assert sorted(browser.texts("#item details tbody th")) == sorted(own["word"])


def test_one_goes_from_item_to_item_and_back(browser, path, known):
    open_item(browser, path, known["ids"][1])
    browser.click(".steps a[aria-keyshortcuts=n]")
    title = "return document.getElementById('item-title').textContent === arguments[0]"
    browser.wait(title, f"Item {known['ids'][2]}")
    browser.driver.back()
    browser.wait(title, f"Item {known['ids'][1]}")
    browser.click(f"{ROWS}:nth-child(9) a")
    browser.wait(title, f"Item {known['ids'][8]}")
    assert browser.texts(f"{ROWS} a[aria-current]") == [known["ids"][8]]
    assert f"item={known['ids'][8]}&candidate=shortcut" in browser.driver.current_url


def test_a_flipped_item_in_the_evidence_leads_to_the_browser(browser, path):
    browser.open(path)
    browser.run("document.querySelector('#switch input[value=\"1\"]').click()")
    link = browser.run(
        "return [...document.querySelectorAll('#behaviour a[href^=\"#item=\"]')].find((a) => a.offsetParent)"
    )
    id_ = link.text
    browser.click(link)
    browser.wait("return document.getElementById('item-title').textContent === arguments[0]", f"Item {id_}")
    assert browser.find("#item").is_displayed()
    assert browser.run("return document.getElementById('item').getBoundingClientRect().top < innerHeight")


def test_advice_leads_to_the_evidence_of_its_own_candidate_and_to_the_item_it_names(browser, path):
    browser.open(path)
    for _ in range(2):  # the second time the address is the same
        browser.choose("candidate", "0")
        browser.click("#do a[href='#behaviour-1']")
        browser.wait("return document.querySelector('#switch input:checked').value === '1'")
        assert browser.find("#behaviour-1").is_displayed()
        assert 0 <= browser.run("return document.getElementById('behaviour').getBoundingClientRect().top") < 300
    browser.choose("candidate", "0")
    link = browser.find("#do a[href^='#item=']")
    id_ = link.text
    browser.click(link)
    browser.wait("return document.getElementById('item-title').textContent === arguments[0]", f"Item {id_}")
    assert browser.find("#candidate").get_attribute("value") == "1"
    # It is an address to send as well.
    browser.open(path, "#slices-1")
    assert browser.find("#slices-1").is_displayed()
    browser.run("document.querySelector('#switch input[value=\"all\"]').click()")
    browser.click("#do a[href='#behaviour-1']")
    assert browser.find("#behaviour-0").is_displayed()


def test_an_address_of_what_the_page_does_not_hold_is_told(browser, path, known):
    browser.open(path, "#item=nonexistent")
    line = browser.find("#astray")
    assert line.text.startswith("This page has no item 'nonexistent'.")
    assert browser.run(
        "const r = arguments[0].getBoundingClientRect(); return r.top > 0 && r.bottom < innerHeight", line
    )
    assert not browser.find("#item").is_displayed()
    browser.choose("show", "wrong")
    assert not browser.find("#astray").is_displayed()
    assert browser.find("#item").is_displayed()
    browser.open(path, f"#item={known['ids'][7]}&candidate=other")
    assert browser.find("#astray").text.startswith("There is no candidate 'other'; int8 is shown.")
    assert browser.find("#item-title").text == f"Item {known['ids'][7]}"
    browser.click(browser.find(".steps a"))
    browser.wait("return document.getElementById('astray').hidden")


def test_what_is_found_is_opened_unless_the_open_item_is_among_it(page, known):
    before, _, after = known["answers"]
    changed = [id_ for id_, was, is_ in zip(known["ids"], before, after, strict=True) if was != is_]
    page.click(page.all(f"{ROWS} a")[0])
    page.wait("return document.getElementById('item-title').textContent === arguments[0]", f"Item {known['ids'][0]}")
    assert known["ids"][0] not in changed
    page.click(next(b for b in page.all(".presets button") if b.text == "Changed answers"))
    opened = page.texts(f"{ROWS} a")[0]
    assert opened in changed
    assert page.find("#item-title").text == f"Item {opened}"
    page.choose("sort", "run")
    assert page.find("#item-title").text == f"Item {opened}"
    page.find("#search").send_keys("no such words")
    assert not page.find("#item").is_displayed()
    page.find("#search").clear()
    page.find("#search").send_keys(changed[-1])
    assert page.find("#item-title").text == f"Item {changed[-1]}"


# hostile texts


def test_scripts_in_every_text_are_shown_and_not_run(browser, written):
    browser.open(written("hostile", hostile.html))
    frame = hostile.evidence().items
    for candidate in ("0", "1"):
        browser.choose("candidate", candidate)
        for show in ("explained", "all"):
            browser.choose("show", show)
            browser.choose("sort", "run")
            for i in range(3):
                browser.click(browser.all(f"{ROWS} a")[i])
    browser.find("#search").send_keys("<script>")
    assert browser.all(ROWS)
    # An alert would have stopped the driver.
    assert browser.run("return window.pwned") is None
    assert browser.run("return document.scripts.length") == 4
    assert browser.all("img, iframe, object, [onerror], [onmouseover]") == []
    assert [e for e in browser.driver.get_log("browser") if e["level"] == "SEVERE"] == []
    browser.run("const s = document.querySelector('#search'); s.value = ''; s.dispatchEvent(new Event('input'))")
    assert browser.find("#count").text == "60 of 60 items"
    texts = list(frame[f"segment {hostile.SCRIPT}premise"])
    replaced = f"\x00\x07\x1b\u202e\u2066\u2069\u2028\u2029{hostile.UNSEEN}"
    for kind in (hostile.SCRIPT, hostile.COMMENT, hostile.ANSI, hostile.BIDI, hostile.UNSEEN):
        i = next(i for i, text in enumerate(texts) if kind in text)
        browser.run("document.querySelector('#before').disabled || document.querySelector('#before').click()")
        for _ in range(i // 25):
            browser.click("#after")
        browser.click(browser.all(f"{ROWS} a")[i % 25])
        parts = ("".join("\ufffd" if c in replaced else c for c in part) for part in texts[i].split(hostile.FLAG))
        # An item opens after the click that asked for it is over.
        assert browser.wait(
            "const c = document.querySelector('.reading').cloneNode(true);"
            "c.querySelectorAll('sup').forEach((s) => s.remove()); return c.textContent === arguments[0]",
            hostile.FLAG.join(parts),
        )


# what changed items have in common


@pytest.fixture(scope="module")
def marked_path(written):
    return written("marked", lambda: page_of(evidence_of(marked.audit())))


def test_a_condition_leads_to_the_items_that_match_it(browser, marked_path):
    browser.open(marked_path)
    browser.click("#common-0 tbody a")
    browser.wait("return document.getElementById('count').textContent === '25 of 400 items'")
    assert ids(browser) == [f"i{i}" for i in range(0, 400, 16)]
    assert browser.find("#slice").get_attribute("value") == "common 0"
    assert browser.run("return document.activeElement.id") == "slice"
    browser.choose("show", "changed")
    assert browser.find("#count").text == "25 of 400 items"


def test_a_condition_of_another_candidate_shows_that_candidate(browser, marked_path):
    browser.open(marked_path, "#common=0&candidate=tiny")
    assert browser.find("#candidate").get_attribute("value") == "1"
    texts = marked.items().segments["text"]
    assert ids(browser) == [f"i{i}" for i, text in enumerate(texts) if text.startswith("on ")]
    assert browser.find("#item-title").text == "Item i1"


def test_conditions_are_offered_for_the_candidate_that_is_shown(browser, marked_path):
    def offered():
        return browser.texts("#slice optgroup[label='in common'] option")

    browser.open(marked_path)
    browser.click(".presets [data-show=all]")
    assert offered()[0] == "Contain 'cf' (25)"
    browser.choose("slice", "common 0")
    browser.choose("candidate", "1")
    assert not any("'cf'" in text for text in offered())
    assert browser.find("#count").text == "400 of 400 items"
    browser.choose("candidate", "2")
    assert offered() == []


def test_a_condition_that_the_page_does_not_have_shows_all_items(browser, marked_path):
    browser.open(marked_path, "#common=99&candidate=small")
    assert browser.find("#count").text == "400 of 400 items"
