// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#cgo pkg-config: llmsched
#include <llmsched/llmsched.h>
*/
import "C"

import "fmt"

// Status is what a failing call came to; errors.Is(err, ErrCycle) asks for one.
type Status int32

// The statuses of failures.
const (
	ErrInvalid    Status = C.LLMSCHED_ERROR_INVALID
	ErrMemory     Status = C.LLMSCHED_ERROR_MEMORY
	ErrParse      Status = C.LLMSCHED_ERROR_PARSE
	ErrNotFound   Status = C.LLMSCHED_ERROR_NOT_FOUND
	ErrExists     Status = C.LLMSCHED_ERROR_EXISTS
	ErrCycle      Status = C.LLMSCHED_ERROR_CYCLE
	ErrState      Status = C.LLMSCHED_ERROR_STATE
	ErrLimit      Status = C.LLMSCHED_ERROR_LIMIT
	ErrImpossible Status = C.LLMSCHED_ERROR_IMPOSSIBLE
	ErrVersion    Status = C.LLMSCHED_ERROR_VERSION
	ErrCallback   Status = C.LLMSCHED_ERROR_CALLBACK
	ErrInternal   Status = C.LLMSCHED_ERROR_INTERNAL
)

func (s Status) Error() string {
	return C.GoString(C.llmsched_status_name(C.llmsched_status(s)))
}

// Error is a call that failed.
type Error struct {
	Status  Status
	Line    uint64 // line of the text that was parsed, from 1; 0: no text
	Column  uint64 // byte in that line, from 1; 0: unknown
	Message string // one line: what, where, what to do
}

func (e *Error) Error() string { return "llmsched: " + e.Message }

// Unwrap gives the Status, so that errors.Is finds it.
func (e *Error) Unwrap() error { return e.Status }

// newError gives the struct that a call writes its failure to.
func newError() C.llmsched_error {
	return C.llmsched_error{size: C.sizeof_llmsched_error}
}

// failure is nil for LLMSCHED_OK and LLMSCHED_NONE.
func failure(status C.llmsched_status, err *C.llmsched_error) error {
	if status == C.LLMSCHED_OK || status == C.LLMSCHED_NONE {
		return nil
	}
	return &Error{
		Status:  Status(status),
		Line:    uint64(err.line),
		Column:  uint64(err.column),
		Message: C.GoString(&err.message[0]),
	}
}

// bare is the failure of a call that gives a status only.
func bare(status C.llmsched_status) error {
	if status == C.LLMSCHED_OK || status == C.LLMSCHED_NONE {
		return nil
	}
	return &Error{Status: Status(status), Message: Status(status).Error()}
}

func closedError(what string) error {
	return &Error{Status: ErrState, Message: "this " + what + " is closed"}
}

// Version is the version of the library that is loaded, such as "0.1.0".
func Version() string { return C.GoString(C.llmsched_version()) }

// CheckVersion fails when the library loaded is older than the headers this package was built with, or of another
// major version. Every object is made from a Context, which asks it.
func CheckVersion() error {
	have, want := uint32(C.llmsched_version_number()), uint32(C.LLMSCHED_VERSION_NUMBER)
	if have/10000 != want/10000 || have < want {
		return &Error{Status: ErrVersion, Message: fmt.Sprintf("libllmsched %s is loaded, built with %d.%d.%d", Version(),
			C.LLMSCHED_VERSION_MAJOR, C.LLMSCHED_VERSION_MINOR, C.LLMSCHED_VERSION_PATCH)}
	}
	return nil
}
