"""The run directory: everything an audit was made from and found, readable without trusteq.

    manifest.json        what was compared: content hashes, versions, settings, seed; the SHA-256 of every other file
    audit.json           verdicts and every estimate of all items together
    policy.yaml          the policy it was judged by
    audit-file.yaml      the audit file that it was run from, if there was one
    items.parquet        id, texts and arrays, label, cluster, slice columns
    predictions/*.parquet  one file per model: id and one column per label
    estimates.parquet    every estimate, slices included, one row each
    flips.parquet        the items whose answer changed
    plan.parquet, values/*.parquet, removed/*.parquet, attributions.parquet, words.parquet   explanations, see
                         `record.explanation_tables`
    costs.json           size, speed and memory of the models on this machine, see `models.cost`
    work.json            reused work, and other audits of the same models and items, see `record.history`

It is written under a temporary name and renamed when complete, so a directory that exists is complete. The same audit
gives the same bytes: no times, and no paths of this machine except those the user typed. Only ``costs.json`` and
``work.json`` say how it went this time, and with them their hashes in ``manifest.json``.

`saving` writes it, `run` reads it, and `evidence` is what reports and figures are drawn from; all are used from here.
"""

from __future__ import annotations

from trusteq.record.evidence import evidence, evidence_of
from trusteq.record.run import Run, load_run, rejudge
from trusteq.record.saving import free_directory, save

__all__ = ["Run", "evidence", "evidence_of", "free_directory", "load_run", "rejudge", "save"]
