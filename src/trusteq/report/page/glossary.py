"""The page's terms, explained for a reader who has never compared models."""

GLOSSARY = {
    "reference, candidate": "The large model, and a smaller one that might take its place.",
    "item": "One example that both models answered.",
    "answer, confidence": "The label that a model finds most probable, and the probability it gives it.",
    "estimate, interval": "A number computed from these items, and the range that would contain the true value in "
    "95 of 100 such audits (or at another level that the policy names). Another sample would give a somewhat different "
    "number; the interval says how different.",
    "margin, policy": "How much difference is acceptable, decided in advance; and all margins together.",
    "EQUIVALENT": "The whole interval lies within the margin, for every rule of every required dimension. It is "
    "shown that the difference is small enough, which is more than failing to find one.",
    "NOT EQUIVALENT": "For some rule the whole interval lies beyond the margin.",
    "UNDECIDED": "An interval lies across the margin, or something required was not measured, or was measured on fewer "
    "items than the policy requires. More items may decide it.",
    "NOT MEASURED": "There was no data for it.",
    "NOT JUDGED": "It was not measured, and the policy does not require it.",
    "leans, chances of more items": "Where the estimate of an undecided rule lies, and how likely so many items in "
    "all, these among them, are to put the interval within or beyond the margin: over all true values that the "
    "interval leaves possible, and if the estimate is the true value.",
    "waiver": "A person's decision to let a rule pass until a day, with a reason. It changes no verdict.",
    "behaviour": "Whether the two models give the same answers, and whether they are right.",
    "flip": "An answer that changes from the reference to the candidate. Equal accuracy can hide many: as many may "
    "turn right as turn wrong.",
    "calibration": "Whether confidence means what it says: of answers given with confidence 0.8, eight in ten "
    "should be right.",
    "smooth ECE, ECE": "How far confidence is from the share of right answers, on average. 0 is perfect. The smooth"
    " one needs no bins; ECE is what papers report.",
    "confidence profile distance": "How far the candidate's confidence is from the reference's on average, when the"
    " most confident answers of both are compared, then the next, and so on. Cut-offs tuned on the reference shift by"
    " about this much.",
    "temperature": "One number T that a model's logits are divided by. Above 1 it makes a model less confident, "
    "below 1 more confident; it never changes an answer.",
    "explanation, attribution": "What a word contributes to a model's answer, found by leaving words out. LIME and "
    "Shapley values are two ways to compute it from the same answers.",
    "alignment": "How similar the two models' attributions are: 1 when they look at the same words with the same "
    "weights, 0 when there is no relation. The noise of the method is removed.",
    "cosine of an item": "The same for one item, noise included, so it is mostly lower than the alignment. Use it to "
    "find items to look at.",
    "chance, ceiling": "What two random sets of words would score, and what the reference scores against itself. A "
    "score can only be interpreted between the two.",
    "lean": "How much a model relies on a word, over all items: 1 is an average word.",
    "slice": "The items that share a value: a label, a column, a length.",
}
