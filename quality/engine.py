"""One run of Great Expectations over a frame: which rows fail which expectation.

This module and `quality.data_docs` (its own pages) are those that know Great Expectations. Rows are taken from its native
`unexpected_index_list`; asking for `unexpected_index_column_names` costs 40 times as much where
many rows fail. An expectation that raises is an error here, never a pass.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from quality.suites import RowExpectation
from vocabulary.reasons import reasons

#: held by whoever is in the library: it parses every ``$PARAMETER`` with one parser for the whole process and knows one
#: context at a time, which two threads spoil
ALONE = threading.RLock()
_LISTS = frozenset({"unexpected_list", "unexpected_index_list", "partial_unexpected_index_list"})


class JudgementError(Exception):
    """The judgement could not be made; nothing of the batch may pass for judged."""


@dataclass(frozen=True)
class Outcome:
    """What one expectation found: `rows` are positions in the judged frame, ascending."""

    expectation: RowExpectation
    evaluated: int
    rows: npt.NDArray[np.int64]
    success: bool


def library() -> Any:
    """Return Great Expectations, imported on first use."""
    with ALONE:
        return _imported()


@cache
def _imported() -> Any:
    # once and no more: the filters of warnings are the process's own, and two threads that put them back one after
    # the other leave those of the first behind. Not on top, because it takes seconds that a night with nothing new
    # must not pay for
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="module 'sre_\\w+' is deprecated")
        import great_expectations as gx  # noqa: PLC0415 - see above
    return gx


def _context(gx: Any) -> Any:
    """Return a context of its own for one run: in memory, silent, touching no file."""
    from great_expectations.data_context.types import base  # noqa: PLC0415 - see library

    memory = base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    bars = {"globally": False, "metric_calculations": False}
    config = base.DataContextConfig(
        store_backend_defaults=memory, progress_bars=bars, analytics_enabled=False
    )
    return gx.get_context(mode="ephemeral", project_config=config)


@contextmanager
def _written_down_once() -> Iterator[None]:
    """Let every expectation write down its configuration once while the library judges.

    It asks for it once for each key of each metric, 100 times an expectation, and builds it anew each time:
    two fifths of the time that judging a small frame takes. Nothing changes an expectation that is being judged.
    """
    from great_expectations.expectations.expectation import Expectation  # noqa: PLC0415 - see library

    plain = Expectation.configuration
    # the expectation stands beside its configuration: while it lives nothing else has its id
    known: dict[int, tuple[Any, Any]] = {}

    def configuration(expectation: Any) -> Any:
        if (found := known.get(id(expectation))) is None:
            found = known[id(expectation)] = (expectation, plain.fget(expectation))
        return found[1]

    Expectation.configuration = property(configuration)
    try:
        yield
    finally:
        Expectation.configuration = plain


def _built(gx: Any, expectation: RowExpectation) -> Any:
    kind = getattr(gx.expectations, expectation.type, None)
    if kind is None:
        raise JudgementError(f"{expectation.type} ({expectation.code}) is no class of Great Expectations")
    reason = reasons()[expectation.code]
    extra: dict[str, Any] = {
        "meta": {"order": expectation.order, "code": expectation.code},
        "description": f"{reason.zh} / {reason.en} ({expectation.code})",
    }
    if expectation.where is not None:
        from great_expectations.expectations.row_conditions import Column  # noqa: PLC0415 - see library

        column, equals = expectation.where
        extra["row_condition"] = Column(column) == equals
    return kind(**expectation.args, **extra)


def _raised(information: Mapping[str, Any]) -> str:
    """Return what was raised, or '' where nothing was.

    A plain pass is {"raised_exception": False, ...}; a failure may be keyed by metric id instead.
    """
    if information.get("raised_exception") is False:
        return ""
    nested = [item for item in information.values() if isinstance(item, Mapping)]
    messages = [str(item.get("exception_message")) for item in (information, *nested)]
    return "; ".join(dict.fromkeys(text for text in messages if text != "None")) or "unknown exception"


def _outcome(result: Any, expectation: RowExpectation, id_column: str | None) -> Outcome:
    name = f"{expectation.type} ({expectation.code})"
    raised = _raised(result.exception_info)
    if raised:
        raise JudgementError(f"{name}: {raised}")
    found = result.result
    if "unexpected_index_list" not in found or "element_count" not in found:
        raise JudgementError(f"{name}: gives no verdict per row, so it cannot judge rows")
    listed = found["unexpected_index_list"] or []
    if id_column is not None:
        listed = [item[id_column] for item in listed]
    rows = np.unique(np.asarray(listed, dtype=np.int64))
    if len(rows) != found["unexpected_count"]:
        raise JudgementError(f"{name}: {found['unexpected_count']} rows fail but {len(rows)} are named")
    return Outcome(expectation, int(found["element_count"]), rows, bool(result.success))


def _document(validation: Any) -> dict[str, Any]:
    """Return what the library said as plain data; its lists of rows, as long as the frame, are left out."""
    for result in validation.results:
        result.result = {key: found for key, found in result.result.items() if key not in _LISTS}
    return dict(validation.to_json_dict())


def run(
    frame: pd.DataFrame,
    expectations: Sequence[RowExpectation],
    terms: Mapping[str, Any],
    *,
    id_column: str | None = None,
    keep: Callable[[dict[str, Any]], None] | None = None,
) -> list[Outcome]:
    """Judge every row of a frame in one run of Great Expectations.

    Threads may call it side by side; the library itself is entered by one at a time.

    Parameters
    ----------
    frame
        The judged frame, with the default index 0..n-1 and the columns that the expectations read.
    expectations
        Row-level expectations.
    terms
        Values of the suite parameters that the expectations name with ``$PARAMETER``.
    id_column
        Take the rows by the library's slow row-id mode from this column, for proofs of equality.
    keep
        Is handed the library's own result as plain data, for its own pages (`quality.data_docs`).

    Returns
    -------
    list[Outcome]
        One outcome an expectation, in the order given.

    Raises
    ------
    JudgementError
        When an expectation raises, gives no rows, or is missing from the result.
    """
    gx = library()
    try:
        with ALONE:
            validation = _validation(gx, frame, expectations, terms, id_column)
    except gx.exceptions.GreatExpectationsError as error:
        raise JudgementError(f"Great Expectations: {error}") from error
    by_order = {result.expectation_config.meta["order"]: result for result in validation.results}
    missing = [item.code for item in expectations if item.order not in by_order]
    if missing:
        raise JudgementError(f"no result for {', '.join(missing)}")
    outcomes = [_outcome(by_order[item.order], item, id_column) for item in expectations]
    if keep is not None:
        keep(_document(validation))
    return outcomes


def _validation(
    gx: Any,
    frame: pd.DataFrame,
    expectations: Sequence[RowExpectation],
    terms: Mapping[str, Any],
    id_column: str | None,
) -> Any:
    """Return what the library says of a frame, with the rows that fail."""
    context = _context(gx)
    asset = context.data_sources.add_pandas("readings").add_dataframe_asset("readings")
    batch = asset.add_batch_definition_whole_dataframe("batch").get_batch(
        batch_parameters={"dataframe": frame}
    )
    suite = gx.ExpectationSuite(
        "readings", expectations=[_built(gx, expectation) for expectation in expectations]
    )
    result_format: dict[str, Any] = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
    if id_column is not None:
        result_format["unexpected_index_column_names"] = [id_column]
    with _written_down_once():
        return batch.validate(suite, result_format=result_format, expectation_parameters=dict(terms))
