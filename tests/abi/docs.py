#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the documentation names exists: docs.py

Functions of the map of equations, files and folders in backquotes or links, and the
statement of the policies that are built in.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("include/", "lib/", "examples/", "bindings/", "tests/", "docs/")


def code():
    files = [path for folder in ("include", "lib") for path in (ROOT / folder).rglob("*.[ch]")]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def check_links(path, text):
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target and not (path.parent / target).exists():
            yield f"{path.name}: no {target}"


def check_paths(path, text):
    for name in re.findall(r"`([^`\s]+)`", text):
        if name.startswith(FOLDERS) and not re.search(r"[<{]", name) and not list(ROOT.glob(name.rstrip("/"))):
            yield f"{path.name}: no {name}"


def check_functions(path, text, source):
    for name in sorted(set(re.findall(r"`((?:llmsched|lls)_[a-z0-9_]+)`", text))):
        if not re.search(rf"\b{name}\b", source):
            yield f"{path.name}: nothing is called {name}"


def check_policies(source):
    built_in = set(re.findall(r"^const lls_builtin lls_policy_\w+ = \{\s*\.name = \"([a-z0-9-]+)\"", source, flags=re.M))
    documented = set(re.findall(r"`([a-z0-9-]+)`", (ROOT / "docs" / "algorithms.md").read_text(encoding="utf-8")))
    documented |= {"llmsched"}
    for name in sorted(built_in - documented):
        yield f"algorithms.md: the policy {name} is missing"
    if not built_in:
        yield "no built-in policies found"


def main():
    source, problems = code(), []
    for path in DOCS:
        text = path.read_text(encoding="utf-8")
        problems += [*check_links(path, text), *check_paths(path, text), *check_functions(path, text, source)]
    problems += check_policies(source)
    print("\n".join(problems) or f"{len(DOCS)} documents")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
