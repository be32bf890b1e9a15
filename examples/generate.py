"""Makes the example exports: both districts, 2025-01-01 to 2026-03-31, the same bytes on any machine.

python examples/generate.py            write examples/exports, planted.toml and README.md
python examples/generate.py --check    prove that the committed files equal a fresh generation
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from build_air import build_air  # noqa: E402  the folder is no package; it is put on the path above
from build_ledgers import build_ledgers  # noqa: E402  see above
from build_outlets import build_outlets  # noqa: E402  see above
from build_water import build_water  # noqa: E402  see above
from example_planted import Exports, as_table, as_toml  # noqa: E402  see above

DISTRICTS = ("chiping", "gaoxin")


def scenario() -> dict[str, Any]:
    """Return the scenario: everything the examples tell."""
    return tomllib.loads((HERE / "scenario.toml").read_text("utf-8"))


def generate() -> Exports:
    """Return all example exports and what is planted in them."""
    story = scenario()
    exports = Exports()
    for district in DISTRICTS:
        build_air(story, district, exports)
        build_water(story, district, exports)
        build_outlets(story, district, exports)
        build_ledgers(story, district, exports)
    return exports


def wanted(exports: Exports) -> dict[str, bytes]:
    """Return every file below examples/ that the generator answers for."""
    files = {f"exports/{path}": content for path, content in exports.files.items()}
    files["planted.toml"] = as_toml(exports.planted).encode()
    template = (HERE / "README.template.md").read_text("utf-8")
    size = sum(len(content) for content in exports.files.values())
    text = template.replace("{table}", as_table(exports.planted))
    text = text.replace("{files}", f"{len(exports.files):,}").replace("{size}", f"{size / 1e6:.1f}")
    files["README.md"] = text.encode()
    return files


def differences(files: dict[str, bytes]) -> list[str]:
    """Compare the folder with a fresh generation; return one line for each file that differs."""
    there = {
        path.relative_to(HERE).as_posix(): path for path in (HERE / "exports").rglob("*") if path.is_file()
    }
    there |= {name: HERE / name for name in ("planted.toml", "README.md") if (HERE / name).exists()}
    found = [f"missing: {name}" for name in sorted(files.keys() - there.keys())]
    found += [f"not generated: {name}" for name in sorted(there.keys() - files.keys())]
    found += [
        f"differs: {name}"
        for name in sorted(files.keys() & there.keys())
        if there[name].read_bytes() != files[name]
    ]
    return found


def write(files: dict[str, bytes]) -> None:
    """Write all files and remove exports that are generated no more."""
    for path in sorted((HERE / "exports").rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(HERE).as_posix() not in files:
            path.unlink()
    for name, content in files.items():
        target = HERE / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)


def main() -> int:
    """Write the examples, or check them; exit status 1 when the check finds a difference."""
    parser = argparse.ArgumentParser(description="write or check the example exports")
    parser.add_argument(
        "--check", action="store_true", help="compare with the committed files, write nothing"
    )
    check: bool = parser.parse_args().check
    exports = generate()
    files = wanted(exports)
    if not check:
        write(files)
        size = sum(len(content) for content in exports.files.values())
        print(f"{len(exports.files)} exports, {size / 1e6:.1f} MB, {len(exports.planted)} planted facts")
        return 0
    found = differences(files)
    print("\n".join(found) if found else f"{len(files)} files equal a fresh generation")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
