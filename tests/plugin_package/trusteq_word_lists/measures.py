"""A measure: how often the candidate is surely wrong."""

import trusteq


@trusteq.measure(bounds=(0, 1), worse="higher", needs=["labels"])
def sure_mistakes(pair):
    sure = pair.candidate.confidence >= 0.9
    return pair.resampling.share(sure & ~pair.candidate.right, what="sure mistakes")
