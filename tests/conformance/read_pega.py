"""Reads an export with the real pdstools, in an environment of its own; prints what it found as JSON.

usage: read_pega.py FOLDER
"""

import json
import sys
from pathlib import Path

import pdstools
import polars as pl
from pdstools import IH, ImpactAnalyzer
from pdstools.decision_analyzer.DecisionAnalyzer import DecisionAnalyzer
from pdstools.decision_analyzer.stage_grouping import DISPLAY_NAME_LOOKUP


def main(folder: Path) -> dict[str, object]:
    """What the three files say, as pdstools understands them, with the plots drawn that they feed."""
    analyzer = DecisionAnalyzer.from_decision_analyzer(folder / "decisions.parquet", level="Stage")
    history = IH.from_ds_export(folder / "interaction_history.parquet")
    impact = ImpactAnalyzer.from_vbd(folder / "impact_analyzer.parquet")
    stats = analyzer.get_overview_stats()
    return {
        "version": pdstools.__version__,
        "extract": str(analyzer.extract_type),
        "decisions": stats["Decisions"],
        "customers": stats["Customers"],
        "removed": {_internal(stage): _filtered(analyzer, stage) for stage in analyzer.AvailableNBADStages},
        "remaining": {
            _internal(stage): _remaining(analyzer, stage) for stage in analyzer.AvailableNBADStages
        },
        "mandatory": sorted(analyzer.mandatory_actions),
        "propensities": analyzer.propensity_validation_warning,
        "outcomes": _outcomes(history),
        "success": _success(history),
        "experiments": _experiments(impact),
        "plots": _plots(analyzer, history, impact),
    }


def _internal(shown: str) -> str:
    """The name of a stage, from the one that pdstools shows."""
    return next((name for name, display in DISPLAY_NAME_LOOKUP.items() if display == shown), shown)


def _filtered(analyzer: DecisionAnalyzer, stage: str) -> dict[str, int]:
    """Rows removed at a stage, by component."""
    rows = analyzer.aggregates.filtered_at_stage(stage).group_by("Component Name").len().collect()
    return {str(component): int(count) for component, count in rows.iter_rows()}


def _remaining(analyzer: DecisionAnalyzer, stage: str) -> int:
    return int(analyzer.aggregates.remaining_at_stage(stage).select(pl.len()).collect().item())


def _outcomes(history: IH) -> dict[str, int]:
    rows = history.data.group_by("Outcome").len().collect()
    return {str(outcome): int(count) for outcome, count in rows.iter_rows()}


def _success(history: IH) -> dict[str, float]:
    """Engagement rate by channel and direction: 1.0 everywhere would mean that negatives are not understood."""
    rows = history.aggregates.summary_success_rates(by=["Channel", "Direction"]).collect()
    return {f"{r['Channel']}/{r['Direction']}": r["SuccessRate_Engagement"] for r in rows.to_dicts()}


def _experiments(impact: ImpactAnalyzer) -> list[dict[str, object]]:
    rows = impact.summarize_experiments().collect().to_dicts()
    return [
        {key: value for key, value in row.items() if isinstance(value, (str, int, float))} for row in rows
    ]


def _plots(analyzer: DecisionAnalyzer, history: IH, impact: ImpactAnalyzer) -> list[str]:
    figures = {
        "funnel": analyzer.plot.decision_funnel(scope="Issue"),
        "optionality": analyzer.plot.optionality_funnel(analyzer.sample),
        "components": analyzer.plot.filtering_components(
            analyzer.AvailableNBADStages, 5, analyzer.AvailableNBADStages
        ),
        "sensitivity": analyzer.plot.sensitivity(),
        "success_rate": history.plot.success_rate(),
        "impact": impact.plot.overview(),
    }
    return sorted(name for name, figure in figures.items() if figure is not None)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), default=str))
