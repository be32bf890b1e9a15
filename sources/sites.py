"""Names to registry keys: a site as delivered becomes the site of the district's registry (点位名录).

A site that is in no registry stays as delivered: its readings are kept, marked by their name.
"""

from __future__ import annotations

import pandas as pd

from vocabulary.parameters import normalise_name


class SiteRegistryError(Exception):
    """The registry gives one name to two sites."""


def names_of(registry: pd.DataFrame) -> dict[str, str]:
    """Return every normalised key, alias and name of a registry with its site's key.

    Parameters
    ----------
    registry
        Columns `key`, `name` and `aliases` (several joined by `;`). Keys and aliases must be unique; a
        name that several sites share is left out, since it tells nothing.

    Raises
    ------
    SiteRegistryError
        When an alias or key belongs to two sites, naming both.
    """
    given = registry[["key", "name", "aliases"]].fillna("").astype("str")
    aliases = given[["key"]].assign(name=given["aliases"].str.split(";")).explode("name")
    stated = pd.concat([given[["key"]].assign(name=given["key"]), aliases], ignore_index=True)
    stated = _normalised(stated)
    twice = stated[stated.duplicated("name", keep=False)]
    if len(twice):
        first = twice.sort_values(["name", "key"]).iloc[:2]
        raise SiteRegistryError(f"{first['name'].iloc[0]!r} names two sites: {', '.join(first['key'])}")
    plain = _normalised(given[["key", "name"]])
    plain = plain[~plain.duplicated("name", keep=False)]
    return dict(zip(plain["name"], plain["key"], strict=True)) | dict(
        zip(stated["name"], stated["key"], strict=True)
    )


def _normalised(names: pd.DataFrame) -> pd.DataFrame:
    folded = names.assign(name=[normalise_name(name) for name in names["name"]])
    return folded[folded["name"] != ""].drop_duplicates(["key", "name"])


def register(frame: pd.DataFrame, registry: pd.DataFrame) -> pd.DataFrame:
    """Return readings or rejects with registry keys for the sites the registry knows.

    Parameters
    ----------
    frame
        Frame with a column `site`; other columns are passed through.
    registry
        As in `names_of`.
    """
    names = names_of(registry)
    delivered = frame["site"].unique().tolist()
    keys = {site: names.get(normalise_name(site), site) for site in delivered}
    return frame.assign(site=frame["site"].map(keys).astype("str"))


def unregistered(frame: pd.DataFrame, registry: pd.DataFrame) -> list[str]:
    """Return the sites of a frame (delivered or registered) that are in no registry, sorted; '' left out."""
    names = names_of(registry)
    return sorted(
        site for site in frame["site"].unique().tolist() if site and normalise_name(site) not in names
    )
