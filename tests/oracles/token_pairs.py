"""Documents that two made-up language models read, and the pair that they make."""

import numpy as np
from scipy import special

from trusteq.comparing.answers import Answers, Pair
from trusteq.stats.resampling import Resampling
from trusteq.tasks.rows import Rows
from trusteq.tasks.tokens import TOKEN_COLUMNS, Tokens, token_rows

AT = {name: i for i, name in enumerate(TOKEN_COLUMNS)}


def texts(count=12, *, by=0.5, seed=0, vocabulary=9):
    """Documents [(own, bytes, reference's log-probabilities, candidate's)]; some are harder for the candidate."""
    rng = np.random.default_rng(seed)
    documents = []
    for _ in range(count):
        n, hard = int(rng.integers(3, 20)), by * rng.gamma(1.0)
        p = rng.normal(size=(n, vocabulary)) * 2
        q = p + hard * rng.normal(size=p.shape)
        own = (p + rng.gumbel(size=p.shape)).argmax(axis=1)
        documents.append((own, rng.integers(1, 9, n), *(special.log_softmax(z, axis=1) for z in (p, q))))
    return documents


def pair_of(documents, *, resamples=400, floor=0.0, level=0.95):
    counts = np.array([len(own) for own, *_ in documents])
    own, length, p, q = (np.concatenate(column) for column in zip(*documents, strict=True))
    position = np.concatenate([np.arange(1, n + 1) for n in counts])
    models = []
    for other in (p, q):
        values = token_rows(own, length, position, p, other)
        if other is p:
            values[:, [AT["kl_from_reference"], AT["kl_to_reference"]]] = floor
        models.append(Tokens().outcomes(Rows(values, counts), None))
    item = models[0].item
    resampling = Resampling(len(item), clusters=[f"d{i:04}" for i in item], item=item, resamples=resamples, level=level)
    return Pair(*(Answers(outcomes, resampling) for outcomes in models), dimensions=Tokens.dimensions)
