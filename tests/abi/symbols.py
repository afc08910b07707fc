#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the library exports, imports and keeps: symbols.py LIBRARY

exports  the headers, lib/llmsched.map and the binary name the same functions
imports  only what a library without files, clocks, prints and exits may need
globals  nothing that can be written to
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings" / "spec"))

import interface  # noqa: E402

MAP = ROOT / "lib" / "llmsched.map"

# The C library's functions that lib/ may call: memory, text in memory, sorting and mathematics.
# localeconv only reads: it says which decimal point cJSON uses.
ALLOWED = set("""
    malloc realloc calloc free
    memcpy memmove memset memcmp memchr strlen strcmp strncmp strchr strrchr strstr strcpy strncpy
    strcspn strspn strnlen
    snprintf vsnprintf strtod strtoul strtoull
    qsort bsearch
    exp exp2 log log2 log10 log1p expm1 pow sqrt cbrt fabs floor ceil round trunc fmod cos sin ldexp frexp
    fmin fmax lround llround nearbyint rint lgamma tgamma nextafter copysign fma ilogb
    localeconv
""".split())
# What the compiler and the sanitizers add.
COMPILER = re.compile(
    r"_ITM_|__cxa_finalize$|bcmp$|stpcpy$|sincos$|__gmon_start__$|__stack_chk_fail$|__tls_get_addr$|_Unwind_|__mem(cpy|move|set)_chk$|"
    r"__(v?snprintf|str(cpy|ncpy|cat))_chk$|__isoc23_str|__(asan|ubsan|tsan|lsan|sanitizer)_|__udivti3$|__stack_chk_guard$")
LIBRARIES = re.compile(r"gsl_|cJSON_")
# Sections whose contents can change once the library is loaded.
WRITABLE = {".data", ".bss", ".tdata", ".tbss"}
# Symbols of that kind that every shared library has.
LINKER = re.compile(r"completed\.\d+$|__dso_handle$|__TMC_END__$|_edata$|_end$|__bss_start$|__asan|__ubsan|__odr_asan|_\.ubsan")


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(library):
    return {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", library).splitlines()
            if line.split()[-2] != "A"}


def listed():
    text = re.sub(r"/\*.*?\*/", "", MAP.read_text(encoding="utf-8"), flags=re.S)
    scopes = re.findall(r"global:(.*?)(?:local:|\})", text, flags=re.S)
    names = [name.strip() for scope in scopes for name in scope.split(";") if name.strip()]
    return names


def check_exports(library):
    in_map = listed()
    sets = {"the headers": set(interface.read().functions), "lib/llmsched.map": set(in_map),
            "the binary": exported(library)}
    every = set().union(*sets.values())
    problems = [f"{name}: not in {where}" for where, names in sets.items() for name in sorted(every - names)]
    problems += [f"{name}: twice in lib/llmsched.map" for name in sorted(set(in_map)) if in_map.count(name) > 1]
    problems += [f"{name}: not our prefix" for name in sorted(every) if not name.startswith("llmsched_")]
    return problems, f"{len(every)} functions"


def check_imports(library):
    names = [line.split()[-1].split("@")[0] for line in run("nm", "-D", "--undefined-only", library).splitlines()]
    problems = [f"{name}: the library may not call it (tests/abi/symbols.py says what it may)"
                for name in sorted(names)
                if name not in ALLOWED and not COMPILER.match(name) and not LIBRARIES.match(name)]
    if not names:
        problems.append("nothing is imported at all: this is no libllmsched")
    return problems, f"{len(names)} names"


def check_globals(library):
    sections = dict(re.findall(r"\[ *(\d+)\] (\S+)", run("readelf", "-SW", library)))
    problems, seen = [], 0
    for line in run("readelf", "-sW", library).splitlines():
        fields = line.split()
        if len(fields) < 8 or fields[3] not in ("OBJECT", "TLS"):
            continue
        seen += 1
        section = sections.get(fields[6], "").split(".")
        if "." + (section + [""])[1] in WRITABLE and section[1:3] != ["data", "rel"] and not LINKER.match(fields[7]):
            problems.append(f"{fields[7]}: a global in {sections[fields[6]]}; the library keeps none")
    if seen == 0:
        problems.append("no objects to look at: the binary is stripped")
    return problems, f"{seen} objects"


CHECKS = {"exports": check_exports, "imports": check_imports, "globals": check_globals}


def main(arguments):
    problems, what = CHECKS[arguments[1]](arguments[2])
    print("\n".join(problems) or what)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
