"""Slow oracle of routing: items one by one, counts by hand."""

from scipy import stats


def together(same, confidence, cut_off):
    """The share of items routed, and the share of all items that then agree, of lists by item."""
    routed = [c < cut_off for c in confidence]
    agree = [was or now for was, now in zip(routed, same, strict=True)]
    return sum(routed) / len(routed), sum(agree) / len(agree)


def wilson_high(count, n, level):
    """The upper end of Wilson's interval."""
    z = stats.norm.ppf((1 + level) / 2)
    p = count / n
    return (p + z * z / (2 * n) + z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5) / (1 + z * z / n)


def chosen(same, confidence, cut_offs, items, margin, level, most=0.5):
    """Of falling cut-offs, the last up to which disagreement is shown to be at most the margin on these items."""
    last = None
    for cut_off in cut_offs:
        if sum(confidence[i] < cut_off for i in items) > most * len(items):
            continue
        wrong = sum(confidence[i] >= cut_off and not same[i] for i in items)
        if wilson_high(wrong, len(items), level) > margin:
            return last
        last = cut_off
    return last
