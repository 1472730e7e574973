import time
import tracemalloc

import pytest

from trusteq.prompts.template import MAX_RENDERED, Choice, template


def rendered(source, **values):
    return template(source).rendered(values)


def test_a_template_keeps_every_blank_and_line_break():
    assert rendered("\n {{ a }} \n\n", a="\tx\r\n") == "\n \tx\r\n \n\n"


def test_values_are_no_templates():
    assert rendered("{{ a }}", a="{{ b }}{% if %}<&>") == "{{ b }}{% if %}<&>"


def test_empty_texts_are_texts():
    assert rendered("Review: {{ a }}\nSentiment:", a="") == "Review: \nSentiment:"


CHOICES = [Choice("A", "one"), Choice("B", "two")]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ a|trim }}|{{ a.strip() }}|{{ a.strip().upper() }}", "Some text|Some text|SOME TEXT"),
        ("{{ a[:3] }}{{ a[-3:] }}", " Soxt "),
        ("{{ a|replace(' ', '_')|lower }}", "_some_text_"),
        ("{% if a.startswith(' ') and not b %}yes{% else %}no{% endif %}", "yes"),
        ("{% if b == '' or a in ['x', 'y'] %}yes{% endif %}", "yes"),
        ("{{ b|default('z', true) }}{{ 'q' if b else 'p' }}", "zp"),
        ("{{ a|length > 3 }}{{ a|length }}", "True11"),
        ("{{ a ~ '!' }}", " Some text !"),
        ("{# comment #}{% raw %}{{ a }}{% endraw %}{{ b }}", "{{ a }}"),
        ("{% for c in choices %}{{ loop.index }}{{ c.letter }}{{ c.text }}{{ '' if loop.last else ',' }}{% endfor %}",
         "1Aone,2Btwo"),
        ("{% for c in choices %}{{ c.letter }}{% if not loop.last %}, {% endif %}{% endfor %}", "A, B"),
        ("{{ choices|join(' or ', attribute='letter') }}/{{ choices|join(', ') }}", "A or B/one, two"),
        ("{{ choices[0].text }}{{ choices[-1].letter }}", "oneB"),
    ],
)  # fmt: skip
def test_what_a_prompt_needs_is_there(source, text):
    assert rendered(source, a=" Some text ", b="", choices=CHOICES) == text


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("{{ a.__class__ }}", ".__class__"),
        ("{{ a.upper }}", ".upper"),  # would show where the method is in memory
        ("{{ a['upper'] }}", "[...] with other than whole numbers"),
        ("{{ a[b] }}", "[...] with other than whole numbers"),
        ("{{ a[b:] }}", "[...] with other than whole numbers"),
        ("{{ a.format(1) }}", ".format"),
        ("{{ a.ljust(9) }}", ".ljust"),
        ("{{ a.split() }}", ".split"),
        ("{{ a() }}", "'call'"),
        ("{{ range(9) }}", "'call'"),
        ("{{ lipsum() }}", "'call'"),
        ("{{ a * 9 }}", "'mul'"),
        ("{{ 9 ** 9 }}", "'pow'"),
        ("{{ '%99d' % 1 }}", "'mod'"),
        ("{{ a + a }}", "'add'"),
        ("{{ a|center(9) }}", "the filter 'center'"),
        ("{{ a|random }}", "the filter 'random'"),
        ("{{ a|attr('x') }}", "the filter 'attr'"),
        ("{% set b = a %}{{ b }}", "{% set %}"),
        ("{% for x in a %}{% endfor %}", "a loop over anything but the choices"),
        ("{% for c in choices %}{% for d in choices %}{% endfor %}{% endfor %}", "a loop over anything but"),
        ("{% for c in choices recursive %}{{ loop(choices) }}{% endfor %}", "a loop over anything but the choices"),
        ("{% macro m() %}{% endmacro %}", "'macro'"),
        ("{% include a %}", "'include'"),
        ("{% extends a %}", "'extends'"),
        ("{% import a as b %}", "'import'"),
        ("{% block b %}{% endblock %}", "'block'"),
        ("{% filter upper %}{{ a }}{% endfilter %}", "'filterblock'"),
    ],
)  # fmt: skip
def test_what_could_do_harm_is_not_there(source, part):
    with pytest.raises(ValueError, match="line 1: ") as caught:
        template(source)
    assert f"line 1: {part}" in str(caught.value)
    assert "is not offered; a template may have {{ names }}" in str(caught.value)


@pytest.mark.parametrize("source", ["{{ a", "{{ }}", "{% if a %}", "{% nonsense %}", "{{ a|no }}", "{{ a is no }}"])
def test_what_is_no_template_is_refused_with_its_line(source):
    with pytest.raises(ValueError, match=r"^line 2"):
        template(f"\n{source}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ choices }}", "around a list, which is not a text"),
        ("{{ choices[0] }}", "around a Choice, which is not a text; write .text or .letter"),
        ("{{ choices[9].text }}", "no element 9"),
        ("{{ a.letter }}", "has no attribute 'letter'"),
        ("{{ b }}", "'b' is undefined"),
        ("{{ range }}", "'range' is undefined"),
    ],
)
def test_what_has_no_text_says_so(source, message):
    with pytest.raises(ValueError, match=message):
        rendered(source, a="x", choices=CHOICES)


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 20_000 + "a" + ")" * 20_000 + " }}",
        "{{ a" + ".strip()" * 8_000 + " }}",
        "{{ " + "not " * 15_000 + "a }}",
        "{{ " + "-" * 30_000 + "a }}",
        "{% if a %}" * 3_000 + "{% endif %}" * 3_000,
        "{{ " + "a if a else " * 5_000 + "a }}",
        "{{ a" + "|trim" * 12_000 + " }}",
        "{{ " + "[" * 30_000 + "]" * 30_000 + " }}",
    ],
    ids=lambda source: source[:12],
)
def test_a_template_that_nests_without_end_is_refused_at_once(source):
    start = time.process_time()
    with pytest.raises(ValueError, match=r"within each other|too deeply nested"):
        template(source)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "source",
    [
        "{{ a }}" * 1_100,
        "{{ a" + "|replace('', a)" * 30 + " }}",
        "{{ choices|join(a|replace('x', a)) }}",
    ],
    ids=lambda source: source[:12],
)
def test_a_template_cannot_write_without_end(source):
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ValueError, match=f"more than {MAX_RENDERED:,} characters"):
        rendered(source, a="x" * 10_000, choices=CHOICES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - start < 10
    assert peak < 20 * MAX_RENDERED
