"""`make demo`: a day of a bank, simulated, decided, summed up, and two decisions explained."""

from pathlib import Path

from rich.rule import Rule

from models.explain_customer import explain_to_customer
from pipelines.flags import Config
from pipelines.launch import launch
from pipelines.locate import find_plan
from pipelines.options import beam_options
from pipelines.progress import shown
from pipelines.records import compiled_plan_of, find_decision
from pipelines.report import show, wide_console
from pipelines.simulating import simulate
from pipelines.simulating import told as told_bank


def demo(out: Path, *, customers: int, days: int, seed: int) -> int:
    """Everything the project does, once, on data that it makes itself."""
    console = wide_console()
    plan = find_plan("uk_bank")
    bank, run = out / "bank", out / "run"
    console.print(
        f"[bold]1. A bank[/bold]: {customers:,} customers, {days} {'day' if days == 1 else 'days'}, seed {seed}",
        highlight=False,
    )
    manifest = simulate(plan, bank, customers=customers, days=days, seed=seed)
    for line in told_bank(manifest):
        console.print(f"  {line}", highlight=False)
    console.print("[bold]2. Decisions[/bold] on DirectRunner", highlight=False)
    config = Config(
        signals=(str(bank / "signals.jsonl"),), outcomes=(str(bank / "outcomes.jsonl"),), plan=plan, out=run
    )
    with shown([*config.signals, *config.outcomes], quiet=False):
        summary = launch(config, beam_options([]))
    show(summary, run, console)
    decided_by = compiled_plan_of(run)
    if summary.examples:
        console.print("\n[bold]3. Decisions, explained[/bold]", highlight=False)
    for example in summary.examples:
        console.print(Rule(style="dim"))
        told = explain_to_customer(find_decision(run, example), decided_by)
        console.print(f"Decision {example}\n{told}", highlight=False, markup=False, end="")
    return 0 if summary.accounted else 1
