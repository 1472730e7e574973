"""What the pages show."""

import re
import shutil

import made_up_releases
import pytest
from finished_runs import EVIL
from report.page.parsed import parse

from trusteq.record.evidence import evidence
from trusteq.record.run import load_run
from trusteq.report.page.page import page
from trusteq.view import site as module
from trusteq.view.shelf import Shelf
from trusteq.view.site import Site


def shown(site, path="", query=""):
    """The status and the text of a page."""
    answer = site.answer(path, query)
    return answer.status, answer.content.decode()


def keys(site):
    """The keys of the runs that the list lets choose, the newest first."""
    return re.findall(r'value="(\w{16})" aria-label="[^"]*">', shown(site)[1])


def test_the_list_has_the_newest_first_with_their_verdicts(made):
    status, text = shown(Site(Shelf(made)))
    parsed = parse(text)
    assert status == 200
    assert re.findall(r'aria-label="choose ([^"]+)"', text) == ["1.1", "1.0", "below/damaged"]
    assert [e.text for e in parsed.all("span") if "chip" in e.attributes.get("class", "")] == [
        "= EQUIVALENT", "≠ NOT EQUIVALENT",
    ]  # fmt: skip
    assert "2027-01-15" in text


def test_a_run_that_cannot_be_read_is_listed_with_the_reason_and_cannot_be_chosen(made):
    site = Site(Shelf(made))
    text = shown(site)[1]
    assert "below/damaged: incomplete: no flips.parquet; copy the run again" in text
    assert len(keys(site)) == 2
    damaged = next(place for place in site.shelf.places.values() if place.name == "below/damaged")
    assert f"run/{damaged.key}" not in text
    assert shown(site, f"run/{damaged.key}")[0] == 422


def test_a_run_s_page_is_its_report_made_once(made, monkeypatch):
    times = []

    def counted(found):
        times.append(found)
        return page(found)

    monkeypatch.setattr(module, "report_page", counted)
    site = Site(Shelf(made))
    newest = keys(site)[0]
    assert shown(site, f"run/{newest}") == (200, page(evidence(load_run(made / "1.1"))))
    shown(site, f"run/{newest}")
    shown(site)
    shown(site, f"run/{newest}")
    assert len(times) == 1


def test_only_so_many_pages_are_kept(made, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    monkeypatch.setattr(module, "report_page", lambda found: str(found.directory))
    site = Site(Shelf(made))
    for key in keys(site):
        shown(site, f"run/{key}")
    assert len(site._pages) == 1


def test_a_run_that_was_changed_since_is_read_again_and_refused(folder):
    site = Site(Shelf(folder))
    newest = keys(site)[0]
    assert shown(site, f"run/{newest}")[0] == 200
    with (folder / "1.1/policy.yaml").open("a") as stream:
        stream.write("# wider\n")
    assert "changed since the run was written" in shown(site)[1]
    status, text = shown(site, f"run/{newest}")
    assert status == 422
    assert "policy.yaml: changed since the run was written" in text


def test_an_open_address_never_shows_what_is_no_longer_there(folder):
    """The list need not be opened in between."""
    site = Site(Shelf(folder))
    newest = keys(site)[0]
    assert shown(site, f"run/{newest}")[0] == 200
    file = folder / "1.1/audit.json"
    file.write_bytes(file.read_bytes().replace(b"EQUIVALENT", b"equivalent"))
    assert shown(site, f"run/{newest}")[0] == 422
    shutil.rmtree(folder / "1.1")
    assert shown(site, f"run/{newest}")[0] == 404


def test_new_runs_appear_and_removed_ones_go(folder):
    site = Site(Shelf(folder))
    first = keys(site)
    shutil.copytree(folder / "1.1", folder / "1.2")
    assert len(keys(site)) == len(first) + 1
    shutil.rmtree(folder / "1.1")
    shutil.rmtree(folder / "1.2")
    assert keys(site) == first[1:]
    assert shown(site, f"run/{first[0]}")[0] == 404


def test_two_chosen_runs_are_compared_from_the_older_to_the_newer(made):
    site = Site(Shelf(made))
    newer, older = keys(site)
    status, text = shown(site, "chosen", f"run={newer}&run={older}&show=compare")
    parsed = parse(text)
    assert status == 200
    assert parsed.one("h1").text == "No verdict got worse; better: small."
    said = parsed.one("main").text
    assert "the reference gives the same answers: changes are paired, with 95% intervals" in said
    assert "= within margin (was ≠)" in said
    assert "answers changed;" in said
    assert f'href="chosen?run={older}&amp;run={newer}&amp;show=compare"' in text
    back = parse(shown(site, "chosen", f"run={older}&run={newer}&show=compare")[1])
    assert back.one("h1").text == "Worse: small."


@pytest.mark.parametrize("chosen", [0, 1])
def test_another_number_than_two_cannot_be_compared(made, chosen):
    site = Site(Shelf(made))
    query = "&".join([*(f"run={key}" for key in keys(site)[:chosen]), "show=compare"])
    status, text = shown(site, "chosen", query)
    assert status == 422
    assert f"Choose two runs to compare, not {chosen}." in text


def test_the_history_of_chosen_runs_goes_from_the_oldest_to_the_newest(made):
    site = Site(Shelf(made))
    newer, older = keys(site)
    status, text = shown(site, "chosen", f"run={newer}&run={older}&show=history")
    assert status == 200
    assert "EQUIVALENT in 1.1, was NOT EQUIVALENT in 1.0: better" in text
    assert f'href="run/{newer}"' in text
    assert "Choose the runs" in shown(site, "chosen", "show=history")[1]


def test_runs_that_cannot_be_compared_are_told_in_a_sentence(folder):
    made_up_releases.audited(folder / "other", noise=0.01, name="large-v2", also="huge")
    site = Site(Shelf(folder))
    found = {place.name: place.key for place in site.shelf.look()}
    status, text = shown(site, "chosen", f"run={found['other']}&run={found['1.0']}&show=compare")
    assert status == 422
    assert "no candidate is in both runs" in text


def test_many_runs_are_listed_on_several_pages(made, monkeypatch):
    monkeypatch.setattr(module, "PER_LIST", 2)
    site = Site(Shelf(made))
    assert "page 1 of 2" in shown(site)[1]
    assert "below/damaged" not in shown(site)[1]
    assert "below/damaged" in shown(site, "", "page=2")[1]
    assert 'href="./?page=1"' in shown(site, "", "page=2")[1]


def test_an_empty_folder_says_what_to_do(tmp_path):
    text = parse(shown(Site(Shelf(tmp_path)))[1]).one("main").text
    assert "0 runs" in text
    assert "trusteq audit … --out NAME" in text


def test_a_folder_that_is_a_run_itself_is_shown(made):
    site = Site(Shelf(made / "1.0"))
    assert len(keys(site)) == 1
    assert "choose 1.0" in shown(site)[1]


def test_names_are_only_texts(made, tmp_path):
    name = EVIL.replace("/", "|").replace("\x00", "")
    shutil.copytree(made / "1.1", tmp_path / name)
    shutil.copytree(made / "1.0", tmp_path / f"{name}2")
    site = Site(Shelf(tmp_path))
    chosen = "&".join(f"run={key}" for key in keys(site))
    for path, query in (("", ""), ("chosen", f"{chosen}&show=compare"), ("chosen", f"{chosen}&show=history")):
        status, text = shown(site, path, query)
        assert status == 200
        parsed = parse(text)
        assert not parsed.all("script")
        for element in parsed.elements:
            assert not {name for name in element.attributes if name.startswith("on") or name in {"style", "src"}}
            said = [*element.attributes.values(), *([] if element.tag in {"html", "body"} else [element.text])]
            for one in filter(None, said):
                assert not set(one) & set("\x07\x1b\u202e"), (element.tag, one[:80])
