#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs in README.md compile, run, and print the same: readme.py GO C_COMPILER...

GO is "-" where there is none.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*command, cwd=None):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=cwd).stdout


def run_c(text, folder, compiler):
    source = folder / "readme.c"
    source.write_text(text, encoding="utf-8")
    flags = run("pkg-config", "--cflags", "--libs", "llmsched").split()
    run(*compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(folder / "readme"), *flags)
    return run(str(folder / "readme"))


def run_python(text, folder):
    source = folder / "readme.py"
    source.write_text(text, encoding="utf-8")
    return run(sys.executable, str(source))


def run_go(text, folder, go):
    (folder / "main.go").write_text(text, encoding="utf-8")
    (folder / "go.mod").write_text(
        "module readme\n\ngo 1.19\n\nrequire llmsched v0.0.0\n\n"
        f"replace llmsched => {ROOT / 'bindings' / 'go'}\n", encoding="utf-8")
    return run(go, "run", ".", cwd=folder)


def main(arguments):
    go, compiler = arguments[1], arguments[2:]
    blocks = dict(re.findall(r"^```(c|python|go)\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"),
                             flags=re.S | re.M))
    if set(blocks) != {"c", "python", "go"}:
        print(f"README.md has programs in {sorted(blocks)}, not in C, Python and Go")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        printed = {"c": run_c(blocks["c"], folder, compiler), "python": run_python(blocks["python"], folder)}
        if go != "-":
            (folder / "go").mkdir()
            printed["go"] = run_go(blocks["go"], folder / "go", go)
    for language, text in printed.items():
        print(f"{language}: {text!r}")
    return 0 if printed["c"] and len(set(printed.values())) == 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
