#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each public header alone, as strict C11 and C17 and as C++17, without a warning.

    headers.py INCLUDE_DIR COMMAND...      (the C compiler's command)

-Wpadded refuses padding in a public struct: a field added later would land in
bytes that an old caller never cleared. The check is itself checked: a header
that has padding, or leans on another header, must be refused.
"""

import pathlib
import subprocess
import sys
import tempfile

SETUPS = (
    ("c", "c11", ["-Wstrict-prototypes"]),
    ("c", "c17", ["-Wstrict-prototypes"]),
    ("c++", "c++17", []),
)
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-Wpadded", "-Wshadow"]


def compiler(command, language):
    if language == "c":
        return command
    return ["clang++" if "clang" in command[-1] else "c++"]


def compile_text(command, include, language, standard, options, text):
    """The compiler's complaint, or None when it has none."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "header"
        source.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [*compiler(command, language), f"-std={standard}", *WARNINGS, *options, f"-I{include}",
             "-fsyntax-only", "-x", language, str(source)],
            capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr


def use(header):
    """Includes the header twice; clang lays structs out only where they are used."""
    return f'#include "llmsched/{header}"\n#include "llmsched/{header}"\nint lls_used(void);\n'


def must_be_refused(command, include):
    padded = "#include <stdint.h>\nstruct s { uint32_t a; uint64_t b; };\nextern char c[sizeof(struct s)];\n"
    leaning = "uint32_t lls_needs_a_header(void);\n"
    return [text for text in (padded, leaning)
            if compile_text(command, include, "c", "c11", [], text) is None]


def main(arguments):
    include, command = pathlib.Path(arguments[1]), arguments[2:]
    headers = sorted(path.name for path in (include / "llmsched").glob("*.h"))
    if len(headers) < 2:
        sys.exit(f"no headers in {include}/llmsched")
    failed = [f"accepted, though it is wrong:\n{text}" for text in must_be_refused(command, include)]
    for language, standard, options in SETUPS:
        for header in headers:
            complaint = compile_text(command, include, language, standard, options, use(header))
            if complaint:
                failed.append(f"{header} as {standard}:\n{complaint}")
    print("\n".join(failed) or f"{len(headers)} headers, {len(SETUPS)} standards")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
