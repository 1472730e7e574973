"""The notebook view."""

from dataclasses import replace
from html.parser import HTMLParser

from cases import case

import trusteq


def test_every_text_is_escaped():
    large, small, items = case(200, noise=1.0)
    evil = '<script>alert("x")</script>'
    labels = (evil, "maybe", "yes")
    html = trusteq.audit(
        replace(large, name=f"{evil}2", labels=labels),
        replace(small, name=evil, labels=labels),
        replace(items, label_names=labels),
        resamples=200,
    )._repr_html_()
    tags = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)

    Tags().feed(html)
    assert tags <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}
    assert "&lt;script&gt;" in html


def test_it_shows_verdict_rules_and_advice():
    large, small, items = case(300, noise=1.0)
    result = trusteq.audit(large, small, items, resamples=200)
    html = result._repr_html_()
    assert str(result["small"].verdict.outcome) in html
    assert "disagreement" in html
    assert "answers change" in html
