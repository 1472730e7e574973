import pickle
from pathlib import Path

import pytest

from trusteq import DataError, Items, ModelError, TaskFileError, read_task_file
from trusteq.prompts.asked import asked
from trusteq.prompts.documents import documents

EXAMPLES = Path(__file__).parents[2] / "examples/tasks"
SHARED = {
    "task": "choices",
    "prompt": "Review: {{ sentence }}\nSentiment:",
    "choices": {"positive": " positive", "negative": " negative"},
}
OWN = {"task": "choices", "prompt": "Q: {{ question }}\nA:", "options": "endings"}
SHOWN = "{{ question }}\n{% for choice in choices %}{{ choice.letter }}. {{ choice.text }}\n{% endfor %}Answer:"
LETTERS = {**OWN, "prompt": SHOWN, "score": "letters"}


def reviews(*texts, **rest):
    return Items(ids=[f"r{i}" for i in range(len(texts))], segments={"sentence": list(texts)}, source="reviews", **rest)


def quiz(*options):
    ids = [f"q{i}" for i in range(len(options))]
    questions = [f"{i} + 1?" for i in range(len(options))]
    return Items(ids=ids, segments={"question": questions}, options=[tuple(each) for each in options], source="quiz")


def prompts(task, items, chat=None):
    return [question.prompt for question in asked(read_task_file(task), items, chat)]


def written_out(messages):
    return "".join(f"<{message['role']}>{message['content']}" for message in messages) + "<assistant>"


def test_shared_choices_without_shots():
    (question,) = asked(read_task_file(SHARED), reviews("great "), None)
    assert question.prompt == "Review: great \nSentiment:"
    assert question.continuations == (" positive", " negative")
    assert (question.unconditional, question.order, question.item) == (None, 0, 0)


def test_system_shots_and_question_stand_apart_and_a_shot_is_answered_as_an_item_would_be():
    shots = [{"sentence": "dull", "answer": "negative"}, {"sentence": "fine", "answer": "positive"}]
    task = {**SHARED, "system": "Judge.", "shots": shots, "between": "\n--\n"}
    assert prompts(task, reviews("x", "y")) == [
        "Judge.\n\nReview: dull\nSentiment: negative\n--\nReview: fine\nSentiment: positive\n--\n"
        f"Review: {text}\nSentiment:"
        for text in "xy"
    ]


def test_chat_has_shots_as_earlier_turns():
    shots = [{"sentence": "dull", "answer": "negative"}]
    task = {**SHARED, "system": "Judge.", "shots": shots, "chat": "model"}
    assert prompts(task, reviews("x"), written_out) == [
        "<system>Judge.<user>Review: dull\nSentiment:<assistant> negative<user>Review: x\nSentiment:<assistant>"
    ]


def test_without_chat_the_models_template_is_not_used():
    assert prompts(SHARED, reviews("x"), written_out) == ["Review: x\nSentiment:"]


def test_options_of_items_are_continuations_with_a_space_and_in_chat_without():
    items = quiz(["two", "three", "four"], ["2", "3"])
    assert [q.continuations for q in asked(read_task_file(OWN), items, None)] == [
        (" two", " three", " four"),
        (" 2", " 3"),
    ]
    in_chat = asked(read_task_file({**OWN, "chat": "model"}), items, written_out)
    assert [q.continuations for q in in_chat] == [("two", "three", "four"), ("2", "3")]
    own = {**OWN, "continuation": " ({{ option|upper }})"}
    assert asked(read_task_file(own), items, None)[1].continuations == (" (2)", " (3)")


def test_letters_move_over_the_options_and_the_options_stay_where_they_are():
    task = read_task_file({**LETTERS, "orders": "cyclic"})
    questions = asked(task, quiz(["one", "two", "three"], ["x", "y"]), None)
    assert [(q.item, q.order) for q in questions] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert [q.continuations for q in questions[:3]] == [(" A", " B", " C"), (" B", " C", " A"), (" C", " A", " B")]
    assert [q.prompt for q in questions[:3]] == [
        "0 + 1?\nA. one\nB. two\nC. three\nAnswer:",
        "0 + 1?\nA. three\nB. one\nC. two\nAnswer:",
        "0 + 1?\nA. two\nB. three\nC. one\nAnswer:",
    ]
    for question in questions:  # each option's letter is the one that stands before it
        shown = dict(line.split(". ") for line in question.prompt.splitlines()[1:-1])
        options = ["one", "two", "three"] if question.item == 0 else ["x", "y"]
        assert [shown[letter.strip()] for letter in question.continuations] == options


def test_one_order_is_asked_with_a_second_that_shows_how_much_it_matters():
    questions = asked(read_task_file(LETTERS), quiz(["one", "two", "three"]), None)
    assert [q.order for q in questions] == [0, 1]


def test_shared_choices_with_letters_show_their_texts_without_blanks_around():
    task = {**SHARED, "prompt": SHOWN.replace("question", "sentence"), "score": "letters"}
    questions = asked(read_task_file(task), reviews("fine"), None)
    assert questions[0].prompt == "fine\nA. positive\nB. negative\nAnswer:"
    assert questions[1].continuations == (" B", " A")
    in_chat = asked(read_task_file({**task, "chat": "model"}), reviews("fine"), written_out)
    assert in_chat[0].continuations == ("A", "B")


def test_options_are_shown_without_blanks_around_and_continued_with_them():
    assert asked(read_task_file(LETTERS), quiz([" one", "two "]), None)[0].prompt == "0 + 1?\nA. one\nB. two\nAnswer:"
    assert asked(read_task_file(OWN), quiz([" one", "two "]), None)[0].continuations == ("  one", " two ")


def test_a_task_file_can_be_sent_to_another_process():
    shot = {"question": "1?", "options": ["p", "q"], "answer": "q"}
    task = read_task_file({**OWN, "shots": [shot]})
    sent = pickle.loads(pickle.dumps(task))  # noqa: S301
    assert asked(sent, quiz(["a", "b"]), None) == asked(task, quiz(["a", "b"]), None)


def test_shots_keep_their_letters_in_every_order():
    shot = {"question": "1?", "options": ["p", "q"], "answer": "q"}
    task = read_task_file({**LETTERS, "orders": "cyclic", "shots": [shot]})
    for question in asked(task, quiz(["one", "two"]), None):
        assert question.prompt.startswith("1?\nA. p\nB. q\nAnswer: B\n\n0 + 1?\nA. ")


def test_the_unconditional_prompt_has_nothing_of_the_item_shots_or_system():
    more = {"system": "Judge.", "minus_unconditional": True, "unconditional": "Sentiment:"}
    (question,) = asked(read_task_file({**SHARED, **more}), reviews("x"), None)
    assert question.unconditional == "Sentiment:"
    (question,) = asked(read_task_file({**SHARED, **more, "chat": "model"}), reviews("x"), written_out)
    assert question.unconditional == "<user>Sentiment:<assistant>"


def test_a_text_with_all_its_words_left_out_is_a_question_too():
    assert prompts(SHARED, reviews("", may_be_empty=True)) == ["Review: \nSentiment:"]


def test_the_text_of_an_item_is_never_a_template():
    assert prompts(SHARED, reviews("{{ sentence }}{% if %}")) == ["Review: {{ sentence }}{% if %}\nSentiment:"]


def test_a_model_without_a_chat_template_is_refused():
    with pytest.raises(ModelError, match="chat: model, but the model has no chat template; write chat: none"):
        asked(read_task_file({**SHARED, "chat": "model"}), reviews("x"), None)


def test_an_unknown_column_lists_those_that_are_there():
    task = read_task_file({**SHARED, "prompt": "{{ sentense }}:"})
    items = Items(ids=["a"], segments={"sentence": ["x"], "title": ["y"]}, source="reviews.csv")
    message = "the task file reads a text 'sentense'; reviews.csv has sentence, title; "
    with pytest.raises(TaskFileError, match=message):
        asked(task, items, None)


def test_a_text_that_no_question_reads_is_refused():
    items = Items(ids=["a"], segments={"sentence": ["x"], "title": ["y"]}, source="reviews.csv")
    with pytest.raises(TaskFileError, match=r"the task file never reads the text 'title'; reviews.csv has sentence, "):
        asked(read_task_file(SHARED), items, None)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        (OWN, ["one", "one "], "item 'q1' has the option 'one' twice"),
        (OWN, ["rock", "ice", "rocks"], "item 'q1' has an option, ' rocks', that begins with another, ' rock'"),
        (LETTERS, ["one", "one "], "item 'q1' has the option 'one' twice"),
        (LETTERS, [str(i) for i in range(27)], "item 'q1' has 27 options for 26 letters"),
    ],
)
def test_options_that_cannot_be_asked_about_name_their_item(task, options, message):
    with pytest.raises(DataError, match=f"^quiz: {message}"):
        asked(read_task_file(task), quiz(["a", "b"], options), None)


def test_letters_tell_options_apart_that_begin_with_one_another():
    assert len(asked(read_task_file(LETTERS), quiz(["rock", "rocks"]), None)) == 2


def test_items_read_without_their_options_are_refused():
    items = Items(ids=["a"], segments={"question": ["x"]}, source="quiz")
    with pytest.raises(DataError, match=r"quiz: read without options, .* from column 'endings'"):
        asked(read_task_file(OWN), items, None)


def test_items_with_options_that_no_question_offers_are_refused():
    items = reviews("x", options=[("a", "b")])
    with pytest.raises(DataError, match="reviews: read with each item's own options, but"):
        asked(read_task_file(SHARED), items, None)


def test_a_template_that_fails_names_the_item():
    task = read_task_file({**LETTERS, "prompt": SHOWN + "{{ choices[2].text }}:"})
    with pytest.raises(TaskFileError, match=r"cannot be used for item 'q1': .*no element 2"):
        asked(task, quiz(["a", "b", "c"], ["a", "b"]), None)


def test_the_examples_ask():
    reviews_task, news, questions = (read_task_file(EXAMPLES / f"{n}.yaml") for n in ("reviews", "news", "questions"))
    (question,) = asked(reviews_task, reviews("fine"), None)
    assert question.prompt.count("Review: ") == 5
    assert question.prompt.endswith("genre.\nSentiment: positive\n\nReview: fine\nSentiment:")
    (question,) = asked(news, Items(ids=["a"], segments={"text": [" Shares fell. "]}), None)
    assert question.prompt == "Article: Shares fell.\nTopic:"
    assert question.continuations == (" World", " Sports", " Business", " Technology")
    first, second = asked(questions, quiz(["1", "2"]), written_out)
    assert first.prompt == (
        "<system>Answer with the letter of the right choice.<user>Which planet is nearest to the Sun?\n"
        "A. Venus\nB. Mercury\nC. Mars\nD. Earth\nAnswer:<assistant>B<user>0 + 1?\nA. 1\nB. 2\nAnswer:<assistant>"
    )
    assert second.continuations == ("B", "A")


def test_documents_are_the_only_text_or_what_the_template_makes_of_several():
    items = Items(ids=["a", "b"], segments={"text": ["x", "y\n"]}, source="docs")
    assert documents(read_task_file({"task": "tokens"}), items) == ["x", "y\n"]
    assert documents(read_task_file({"task": "tokens", "text": "# {{ text }}"}), items) == ["# x", "# y\n"]
    two = Items(ids=["a"], segments={"title": ["T"], "body": ["b"]}, source="docs")
    assert documents(read_task_file({"task": "tokens", "text": "{{ title }}\n{{ body }}"}), two) == ["T\nb"]
    with pytest.raises(TaskFileError, match=r"the task file never reads the text 'body'; docs has title, body"):
        documents(read_task_file({"task": "tokens"}), two)
    with pytest.raises(TaskFileError, match="cannot be used for item 'a': "):
        documents(read_task_file({"task": "tokens", "text": "{{ text.letter }}"}), items)
