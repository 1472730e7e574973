"""A figure: one bar, as long as the models agree."""

from dataclasses import dataclass

from trusteq.report.figures.catalog import Figure
from trusteq.report.figures.display import Display


@dataclass
class AgreementBar(Display):
    agreement: float

    @classmethod
    def from_evidence(cls, evidence, *, candidate):
        rows = evidence.estimates.query("candidate == @candidate and measure == 'agreement' and slice_column.isna()")
        return cls(float(rows["value"].iloc[0])) if len(rows) else None

    def _draw(self, ax):
        ax.barh(["agreement"], [self.agreement])
        ax.set_xlim(0, 1)


AGREEMENT_BAR = Figure(
    "agreement-bar", "a candidate", "how many answers agree", "predictions", AgreementBar.from_evidence
)
