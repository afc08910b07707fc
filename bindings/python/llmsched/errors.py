# SPDX-License-Identifier: Apache-2.0
"""The failures of the library as exceptions."""

from . import _generated as c


class Error(Exception):
    """A call that failed.

    status  one of the LLMSCHED_ERROR_* numbers
    line    line of the text that was parsed, from 1; 0: no text
    column  byte in that line, from 1; 0: unknown
    """

    status = c.LLMSCHED_ERROR_INTERNAL

    def __init__(self, message, line=0, column=0):
        super().__init__(message)
        self.line = line
        self.column = column


class InvalidError(Error, ValueError):
    status = c.LLMSCHED_ERROR_INVALID


class OutOfMemoryError(Error, MemoryError):
    status = c.LLMSCHED_ERROR_MEMORY


class ParseError(Error, ValueError):
    status = c.LLMSCHED_ERROR_PARSE


class NotFoundError(Error, LookupError):
    status = c.LLMSCHED_ERROR_NOT_FOUND


class ExistsError(Error, ValueError):
    status = c.LLMSCHED_ERROR_EXISTS


class CycleError(Error, ValueError):
    status = c.LLMSCHED_ERROR_CYCLE


class StateError(Error):
    status = c.LLMSCHED_ERROR_STATE


class ClosedError(StateError):
    """An object was used after it was closed, or a view after its callback."""


class LimitError(Error):
    status = c.LLMSCHED_ERROR_LIMIT


class ImpossibleError(Error, ValueError):
    status = c.LLMSCHED_ERROR_IMPOSSIBLE


class VersionError(Error):
    status = c.LLMSCHED_ERROR_VERSION


class CallbackError(Error):
    status = c.LLMSCHED_ERROR_CALLBACK


class InternalError(Error):
    status = c.LLMSCHED_ERROR_INTERNAL


BY_STATUS = {
    error.status: error
    for error in (InvalidError, OutOfMemoryError, ParseError, NotFoundError, ExistsError, CycleError,
                  StateError, LimitError, ImpossibleError, VersionError, CallbackError, InternalError)
}
