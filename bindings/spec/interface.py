# SPDX-License-Identifier: Apache-2.0
"""Reads the public headers into tables: functions, structs, constants, handles.

The headers are written in a small subset of C. Whatever does not fit it is
refused with its text, so that nothing is ever left out in silence: an enum
value without a number, a bit field, a macro with arguments, varargs.
"""

import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include" / "llmsched"
UMBRELLA = "llmsched.h"

SCALARS = {"uint32_t", "int32_t", "uint64_t", "int64_t", "double", "size_t", "char", "void",
           "llmsched_status"}
# Macros that are no constants.
NOT_CONSTANTS = {"LLMSCHED_API"}


class Unknown(Exception):
    """Something in a header that this reader does not know."""


@dataclasses.dataclass(frozen=True)
class Variable:
    """A parameter, a field, or a function's result (without a name)."""

    name: str
    base: str  # type without const and stars
    stars: int
    const: bool = False
    array: int = 0
    callback: "Function | None" = None


@dataclasses.dataclass(frozen=True)
class Function:
    name: str
    result: Variable
    arguments: tuple
    header: str = ""


@dataclasses.dataclass(frozen=True)
class Struct:
    name: str
    fields: tuple
    header: str = ""


@dataclasses.dataclass
class Interface:
    functions: dict
    structs: dict
    constants: dict  # name -> the expression in C
    handles: set
    callbacks: dict  # typedefs of function pointers


def header_names():
    return sorted(path.name for path in INCLUDE.glob("*.h"))


def strip(text):
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return text.replace("\\\n", " ")


def parse_variable(text):
    text = " ".join(text.split())
    match = re.fullmatch(r"(.+?)\(\*(\w+)\)\((.*)\)", text)
    if match:
        result, name, arguments = match.groups()
        return Variable(name, "callback", 1,
                        callback=Function(name, parse_variable(result + " _"), parse_arguments(arguments)))
    match = re.fullmatch(r"(const )?(\w+) (\**)(\w+)(?:\[(\d+)\])?", text.replace("* ", "*").replace("*const *", "**"))
    if not match or (":" in text):
        raise Unknown(text)
    const, base, stars, name, array = match.groups()
    return Variable(name, base, len(stars), bool(const), int(array or 0))


def parse_arguments(text):
    text = " ".join(text.split())
    if text == "void":
        return ()
    if "..." in text:
        raise Unknown(f"varargs: {text}")
    return tuple(parse_variable(part) for part in text.split(","))


def parse_enum(body, constants):
    for item in filter(None, (part.strip() for part in body.split(","))):
        match = re.fullmatch(r"(LLMSCHED_\w+) = (-?\d+)", " ".join(item.split()))
        if not match:
            raise Unknown(f"enum value without a number of its own: {item}")
        constants[match[1]] = match[2]


def parse_macros(text, header, constants):
    for name, value in re.findall(r"^#define (\w+(?:\([^)]*\))?)(.*)$", text, flags=re.M):
        value = value.strip()
        if name in NOT_CONSTANTS or (name.startswith("LLMSCHED_") and name.endswith("H") and not value):
            continue
        if not re.fullmatch(r"\d+u?|UINT32_MAX", value):
            raise Unknown(f"{header}: macro {name} {value}")
        constants[name] = value


def parse_struct(match, header):
    fields = tuple(parse_variable(field) for field in match[2].split(";") if field.strip())
    if fields[0].name != "size" or fields[0].base != "uint32_t":
        raise Unknown(f"{match[1]} does not begin with its size")
    return Struct(match[1], fields, header)


def parse_header(name, found):
    text = strip((INCLUDE / name).read_text(encoding="utf-8"))
    parse_macros(text, name, found.constants)
    text = re.sub(r"^#if.*?^#endif", lambda m: "" if "__cplusplus" in m[0] else m[0], text, flags=re.M | re.S)
    text = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    text = re.sub(r'extern "C" \{|^\}$', "", text, flags=re.M)

    for match in re.finditer(r"typedef struct (\w+) \{(.*?)\} \1;", text, flags=re.S):
        found.structs[match[1]] = parse_struct(match, name)
    text = re.sub(r"typedef struct (\w+) \{(.*?)\} \1;", "", text, flags=re.S)
    for match in re.finditer(r"enum \{(.*?)\};", text, flags=re.S):
        parse_enum(match[1], found.constants)
    text = re.sub(r"enum \{(.*?)\};", "", text, flags=re.S)

    for statement in filter(None, (" ".join(part.split()) for part in text.split(";"))):
        if match := re.fullmatch(r"typedef struct (\w+) \1", statement):
            found.handles.add(match[1])
        elif match := re.fullmatch(r"typedef (.+?\(\*\w+\)\(.*\))", statement):
            variable = parse_variable(match[1])
            found.callbacks[variable.name] = variable
        elif match := re.fullmatch(r"LLMSCHED_API (.+?)(\w+)\((.*)\)", statement):
            function = Function(match[2], parse_variable(match[1] + "_"), parse_arguments(match[3]), name)
            found.functions[function.name] = function
        elif statement != "typedef int32_t llmsched_status":
            raise Unknown(f"{name}: {statement}")


def check_types(found):
    known = SCALARS | found.handles | set(found.structs) | set(found.callbacks)
    variables = [field for struct in found.structs.values() for field in struct.fields]
    variables += [v for f in found.functions.values() for v in (f.result, *f.arguments)]
    variables += found.callbacks.values()
    for variable in list(variables):
        if variable.callback:
            variables += (variable.callback.result, *variable.callback.arguments)
        elif variable.base not in known:
            raise Unknown(f"type {variable.base} of {variable.name}")


def read():
    found = Interface({}, {}, {}, set(), {})
    for name in header_names():
        if name != UMBRELLA:
            parse_header(name, found)
    check_types(found)
    return found


if __name__ == "__main__":
    interface = read()
    print(f"{len(interface.functions)} functions, {len(interface.structs)} structs, "
          f"{len(interface.constants)} constants, {len(interface.handles)} handles")
