"""Great Expectations' own pages (Data Docs) of what was judged: an option beside the pages of our own.

    <folder>/validations/<district>/<source>/<batch>/<time>/<batch>.json   what a batch gave, without its lists of rows
    <folder>/site/index.html                                              the pages

They load their styles from the internet; the pages of reports/quality_pages.py do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from quality.engine import ALONE, library

_SITE, _VALIDATIONS = "site", "validations"
#: how the library writes a time into a path
_TIME = "%Y%m%dT%H%M%S.%fZ"
_MEMORY = {"class_name": "InMemoryStoreBackend"}


def keep_validation(
    folder: Path, document: Mapping[str, Any], *, district: str, source: str, name: str, at: datetime
) -> None:
    """Keep what the library said of a batch, for its pages.

    Parameters
    ----------
    folder
        Of the pages and what they are made from.
    document
        What `quality.engine.run` hands to `keep`.
    district, source, name
        The batch.
    at
        When it was judged, UTC without zone.
    """
    named = {**document, "suite_name": f"{district} {source}"}
    at = at.replace(tzinfo=UTC)
    named["meta"] = {
        **document["meta"],
        "run_id": {"run_name": name, "run_time": at.isoformat()},
        "active_batch_definition": {
            "datasource_name": district,
            "data_connector_name": "fluent",
            "data_asset_name": source,
            "batch_identifiers": {"batch": name},
        },
    }
    # other threads may be judging: a context that is made becomes the library's own for all of them
    with ALONE:
        context = _context(folder)
        from great_expectations.core.expectation_validation_result import (  # noqa: PLC0415 - see quality.engine
            expectationSuiteValidationResultSchema,
        )

        key = _key(f"{district}.{source}", name, at)
        context.validation_results_store.set(key, expectationSuiteValidationResultSchema.load(named))


def build_data_docs(folder: Path, *, now: datetime, days: int) -> Path | None:
    """Take away what was judged more than `days` before `now` (UTC), make the pages that are missing and the index.

    Returns
    -------
    Path or None
        The index; None where nothing was ever kept.
    """
    kept = folder / _VALIDATIONS
    found = {path: _judged_at(path) for path in sorted(kept.glob("*/*/*/*/*.json"))}
    if not found:
        return None
    oldest = now.replace(tzinfo=UTC) - timedelta(days=days)
    index = folder / _SITE / "index.html"
    missing = []
    current = index.exists()
    for path, at in found.items():
        page = folder / _SITE / _VALIDATIONS / path.relative_to(kept).with_suffix(".html")
        if at < oldest:
            path.unlink()
            page.unlink(missing_ok=True)
            current = False
        elif not page.exists():
            district, source, name, *_ = path.relative_to(kept).parts
            missing.append(_key(f"{district}.{source}", name, at))
    if missing or not current:
        with ALONE:
            context = _context(folder)
            # the index comes with the pages: where none is missing, one is made again
            chosen = missing or context.validation_results_store.list_keys()[:1]
            context.build_data_docs(resource_identifiers=chosen or None)
    return index


def _judged_at(path: Path) -> datetime:
    return datetime.strptime(path.parent.name, _TIME).replace(tzinfo=UTC)


def _key(suite: str, name: str, at: datetime) -> Any:
    from great_expectations.core.run_identifier import RunIdentifier  # noqa: PLC0415 - see quality.engine
    from great_expectations.data_context.types import resource_identifiers  # noqa: PLC0415

    return resource_identifiers.ValidationResultIdentifier(
        expectation_suite_identifier=resource_identifiers.ExpectationSuiteIdentifier(suite),
        run_id=RunIdentifier(run_name=name, run_time=at),
        batch_identifier=name,
    )


def _context(folder: Path) -> Any:
    """Return a context whose validations and pages lie in a folder; all else of it is in memory."""
    gx = library()
    from great_expectations.data_context.types import base  # noqa: PLC0415 - see quality.engine

    stores = base.FilesystemStoreBackendDefaults(root_directory=folder.absolute())
    for name, store in stores.stores.items():
        if name == stores.validation_results_store_name:
            store["store_backend"]["base_directory"] = f"{_VALIDATIONS}/"
        else:
            store["store_backend"] = dict(_MEMORY)
    stores.data_docs_sites[stores.data_docs_site_name]["store_backend"]["base_directory"] = f"{_SITE}/"
    bars = {"globally": False, "metric_calculations": False}
    config = base.DataContextConfig(
        store_backend_defaults=stores, progress_bars=bars, analytics_enabled=False
    )
    return gx.get_context(mode="ephemeral", project_config=config)
