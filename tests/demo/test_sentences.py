"""The rated sentences: labels from what people said, no text twice, documents kept together."""

import pytest
from fetched import write_sentences

from trusteq import DataError
from trusteq.demo.sentences import Sentence, as_items, read_sentences, split


def sentence(*ratings):
    return Sentence("tweets-1", "A text.", "tweets", "tweets-1", ratings)


@pytest.mark.parametrize(
    ("ratings", "label", "agreement", "people"),
    [
        ((-4, -1, -2), "negative", 1.0, "agree"),
        ((-1, 0), "negative", 0.5, "are divided"),  # a mean of -0.5
        ((0, 0, 0, -1), "neutral", 0.75, "mostly agree"),
        ((4, -4), "neutral", 0.0, "are divided"),
        ((1, 0, 1, 0), "positive", 0.5, "are divided"),
        ((1,) * 9 + (0,), "positive", 0.9, "agree"),
    ],
)
def test_the_label_is_what_the_mean_rounds_to(ratings, label, agreement, people):
    given = sentence(*ratings)
    assert (given.label, given.agreement, given.people) == (label, pytest.approx(agreement), people)


def test_every_source_is_read_with_all_ratings(tmp_path):
    folder = write_sentences(
        tmp_path,
        tweets=[("1", "LMAO, &lt;3 AMAZING!", "positive"), ("2", "Die die die\x85now", "negative")],
        products=[("3_1", "It broke.", "divided"), ("3_2", "It is blue.", "neutral")],
        editorials=[("10_1", "The Mayor spoke.", "neutral")],
    )
    found = read_sentences(folder)
    assert [(s.id, s.label, s.document) for s in found] == [
        ("tweets-1", "positive", "tweets-1"),
        ("tweets-2", "negative", "tweets-2"),
        ("films-1", "neutral", "films-1"),
        ("products-3_1", "negative", "products-3"),
        ("products-3_2", "neutral", "products-3"),
        ("editorials-10_1", "neutral", "editorials-10"),
    ]
    assert found[0].text == "LMAO, <3 AMAZING!"
    assert found[0].ratings == (3, 2, 2, 4)


def test_of_texts_that_differ_only_in_case_and_signs_the_first_stays(tmp_path):
    tweets = [("1", "Anger is ugly", "negative"), ("2", "ANGER IS UGLY!!!", "neutral"), ("3", "!?", "neutral")]
    found = read_sentences(write_sentences(tmp_path, tweets=tweets))
    assert [s.id for s in found if s.source == "tweets"] == ["tweets-1"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("1", "One\ttoo many", "neutral"), "GroundTruth.txt: line 1: 4 fields, expected 3"),
        (("1", "Text", "[1, x]"), r"anonDataRatings.txt: line 1: ratings must be whole numbers .* found '\[1, x\]'"),
        (("1", "Text", "[5]"), "from -4 to 4"),
    ],
)
def test_what_cannot_be_read_is_said_by_file_and_line(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        read_sentences(write_sentences(tmp_path, tweets=[row]))


def test_a_sentence_without_ratings_is_told(tmp_path):
    write_sentences(tmp_path)
    (tmp_path / "tweets_anonDataRatings.txt").write_text("7\t0\t0\t[1]\n")
    with pytest.raises(DataError, match=r"line 1: sentence '1' has no ratings in tweets_anonDataRatings.txt"):
        read_sentences(tmp_path)


@pytest.fixture
def many():
    numbers = [(document, i) for document in range(60) for i in (1, 2)]
    return [Sentence(f"films-{d}_{i}", f"Text {d} {i}.", "films", f"films-{d}", (1,)) for d, i in numbers]


def test_the_split_has_the_sizes_asked_for_and_no_document_twice(many):
    parts = split(many, train=50, dev=11, test=30, seed=0)
    assert [len(part) for part in (parts.train, parts.dev, parts.test)] == [50, 11, 30]
    documents = [{s.document for s in part} for part in (parts.train, parts.dev, parts.test)]
    assert sum(map(len, documents)) == len(set.union(*documents))


def test_the_split_depends_on_names_and_seed_alone(many):
    def tested(sentences, seed):
        return {s.document for s in split(sentences, train=50, dev=10, test=30, seed=seed).test}

    assert tested(many[::-1], 0) == tested(many, 0)
    assert tested(many, 1) != tested(many, 0)


def test_too_few_sentences_are_refused(many):
    with pytest.raises(DataError, match="120 sentences are fewer than the 131 needed"):
        split(many, train=100, dev=1, test=30, seed=0)


def test_items_have_what_an_audit_slices_by(many):
    items = as_items(many[:3], source="made up")
    assert items.label_names == ("negative", "neutral", "positive")
    assert items.columns["people"] == ["agree"] * 3
    assert items.columns["source"] == ["films"] * 3
    assert items.clusters == ["films-0", "films-0", "films-1"]
