"""What the workers of a replay do: deal the records of a file out by customer, replay the ledgers of a part."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.audit.findings import Finding, FindingKind
from models.audit.journal import Recorded
from models.audit.ledgers import Replayer, Tally
from models.audit.seals import Record
from pipelines.locate import OUTPUTS
from pipelines.records import compiled_plan_of
from schemas.arrow import arrow_schema
from schemas.structs import structs

TABLES = ("decisions", "feedback")
ID = {"decisions": "decision_id", "feedback": "feedback_id"}
_FILE = "_file"
"""Column of a part: position of the record's file in the list of all."""
_OWNER = "_owner"
"""Column of a part while it is replayed: customer, or household."""
_UNFINISHED = ".unfinished"
"""A reader that dies of a damaged file leaves parts that nobody can read."""
_ROWS_AT_ONCE = 1_000
_GROUPS_AT_ONCE = 16
_SPILL = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)

MOST_TOLD = 1_000
"""So many findings are told one by one; the others are only counted."""


class PartResult(msgspec.Struct, kw_only=True):
    """What came of one part."""

    tally: Tally
    rows: int = 0
    ledgers: int = 0
    found: Counter[str]
    """How many findings there are of each kind."""
    findings: list[Finding]
    """The first of them."""

    def add(self, findings: Iterable[Finding]) -> None:
        """Count findings, and keep the first."""
        for finding in findings:
            self.found[finding.kind] += 1
            if len(self.findings) < MOST_TOLD:
                self.findings.append(finding)


class Deal(NamedTuple):
    """How records are dealt out."""

    spill: Path
    """Folder of the parts."""
    parts: int
    homes: Mapping[str, str]
    """Household by customer, where ledgers are of households: members go to one part."""

    def part_of(self, customer: str | None) -> int:
        """The part of a customer's ledger."""
        name = customer or ""
        return crc32(self.homes.get(name, name).encode()) % self.parts


def deal_out(file: Path, number: int, deal: Deal) -> int:
    """Write each record of a file to the part that its customer is in; returns how many there were.

    Args:
      file: Of decisions or feedback, in a folder of that name.
      number: Its position in the list of all files.
      deal: Where to.
    """
    name = f"{file.parent.parent.name}-{number:05d}.arrow"
    writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}
    rows = 0
    try:
        for table in _row_groups(file):
            rows += len(table)
            marked = table.append_column(_FILE, pa.array([number] * len(table), pa.int32()))
            for part, mine in _by_part(marked, deal):
                if part not in writers:
                    folder = deal.spill / f"{part:03d}"
                    folder.mkdir(exist_ok=True)
                    writers[part] = pa.ipc.new_file(
                        folder / f"{name}{_UNFINISHED}", mine.schema, options=_SPILL
                    )
                writers[part].write_table(mine)
    finally:
        for part, writer in writers.items():
            writer.close()
            unfinished = deal.spill / f"{part:03d}" / f"{name}{_UNFINISHED}"
            unfinished.rename(unfinished.with_suffix(""))
    return rows


def _row_groups(file: Path) -> Iterator[pa.Table]:
    source = pq.ParquetFile(file)
    for first in range(0, source.num_row_groups, _GROUPS_AT_ONCE):
        some = range(first, min(first + _GROUPS_AT_ONCE, source.num_row_groups))
        yield source.read_row_groups(some, use_threads=False).combine_chunks()


def _by_part(table: pa.Table, deal: Deal) -> Iterator[tuple[int, pa.Table]]:
    customers = table.column("customer_id").combine_chunks().dictionary_encode()
    of_customer = np.array([deal.part_of(name) for name in [*customers.dictionary.to_pylist(), None]])
    codes = customers.indices.fill_null(len(of_customer) - 1).to_numpy(zero_copy_only=False)
    part_of = of_customer[codes]
    for part in np.unique(part_of).tolist():
        yield part, table.take(pa.array(np.flatnonzero(part_of == part)))


def households(files: Iterable[Path]) -> dict[str, str]:
    """The household of each customer who has one."""
    homes: dict[str, str] = {}
    for file in files:
        table = pq.ParquetFile(file).read(["customer_id", "household_id"], use_threads=False)
        pairs = zip(*(column.to_pylist() for column in table.columns), strict=True)
        homes.update({customer: home for customer, home in pairs if home is not None})
    return homes


@cache
def replayer_of(out: Path) -> Replayer:
    """What replays the records of a run; loaded once in each process."""
    return Replayer.of(compiled_plan_of(out))


def replay_part(out: Path, part: Path, files: Sequence[str], homes: Mapping[str, str]) -> PartResult:
    """Replay the ledgers of one part.

    Args:
      out: Folder of the run.
      part: Folder of the part.
      files: The names of all files, as `deal_out` counted them.
      homes: As they were dealt by.
    """
    replayer, result = replayer_of(out), PartResult(tally=Tally(), found=Counter(), findings=[])
    tables = {name: _sorted(part, name, homes) for name in TABLES}
    for rows in _few_at_a_time(tables):
        ledgers: dict[tuple[str, datetime | None], list[Recorded]] = {}
        for name, slice_ in rows.items():
            for record, file in _records(name, slice_, files, result):
                key = homes.get(record.customer_id, record.customer_id), record.ledger_since
                ledgers.setdefault(key, []).append(Recorded(record, file))
        for records in ledgers.values():
            result.ledgers += 1
            result.add(replayer.replay(records, result.tally))
        result.rows += sum(map(len, rows.values()))
    return result


def _sorted(part: Path, name: str, homes: Mapping[str, str]) -> pa.Table:
    """The records of a part, with the ledger they are of, in its order."""
    spills = [pa.ipc.open_file(file).read_all() for file in sorted(part.glob(f"{name}-*.arrow"))]
    if not spills:
        schema = arrow_schema(OUTPUTS[name])
        return schema.append(pa.field(_FILE, pa.int32())).append(pa.field(_OWNER, pa.string())).empty_table()
    table = pa.concat_tables(spills, promote_options="permissive")
    customers = [customer or "" for customer in table.column("customer_id").to_pylist()]
    owners = [homes.get(customer, customer) for customer in customers]
    table = table.append_column(_OWNER, pa.array(owners, pa.string()))
    return table.take(pc.sort_indices(table, [(_OWNER, "ascending")]))


def _few_at_a_time(tables: Mapping[str, pa.Table]) -> Iterator[dict[str, pa.Table]]:
    """All records of some owners, then of some more: about so many that their structs fit into memory."""
    owners = {name: table.column(_OWNER).to_pylist() for name, table in tables.items()}
    counts = Counter(owner for column in owners.values() for owner in column)
    done, held = dict.fromkeys(tables, 0), 0
    everybody = sorted(counts)
    for owner in everybody:
        held += counts[owner]
        if held >= _ROWS_AT_ONCE or owner == everybody[-1]:
            ends = {name: bisect_right(column, owner) for name, column in owners.items()}
            yield {name: table.slice(done[name], ends[name] - done[name]) for name, table in tables.items()}
            done, held = ends, 0


def _records(
    name: str, table: pa.Table, files: Sequence[str], result: PartResult
) -> Iterator[tuple[Record, str]]:
    """The records in a table, each with its file. One that cannot be read is a finding."""
    numbers = table.column(_FILE).to_pylist()
    read = structs(OUTPUTS[name])
    row = 0
    for batch in table.drop_columns([_FILE, _OWNER]).combine_chunks().to_batches():
        try:
            found = read(batch)
        except ValueError:
            found = [_one(read, batch, index) for index in range(len(batch))]
        for index, record in enumerate(found):
            file = files[numbers[row]]
            row += 1
            if isinstance(record, str):
                said = batch.column(ID[name])[index].as_py() or ""
                kind = FindingKind.RECORD_UNREADABLE
                result.add(
                    [Finding(kind=kind, file=file, table=name, record=said, field="record", note=record)]
                )
            else:
                yield record, file


def _one(read: Callable[[pa.RecordBatch], list[Any]], batch: pa.RecordBatch, index: int) -> Any:
    """The record in one row, or what is wrong with it."""
    try:
        (record,) = read(batch.slice(index, 1))
    except ValueError as error:
        return str(error)
    return record
