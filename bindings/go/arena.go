// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <stdlib.h>
#include <llmsched/llmsched.h>
*/
import "C"

import (
	"strings"
	"unsafe"
)

// arena holds what one call hands to C. Structs that point at other memory must not lie in Go memory, so all of it
// is C's, and is freed when the call is over.
type arena struct {
	blocks []unsafe.Pointer
	err    error
}

func (a *arena) free() {
	for _, block := range a.blocks {
		C.free(block)
	}
	a.blocks = nil
}

// alloc gives cleared memory. The Go runtime aborts where C memory runs out in C.CString; so does this.
func (a *arena) alloc(bytes C.size_t) unsafe.Pointer {
	block := C.calloc(1, bytes+1)
	if block == nil {
		panic("llmsched: out of memory")
	}
	a.blocks = append(a.blocks, block)
	return block
}

// text gives a C string; it fails on a NUL inside, which would cut it short.
func (a *arena) text(s string) *C.char {
	if strings.IndexByte(s, 0) >= 0 && a.err == nil {
		a.err = &Error{Status: ErrInvalid, Message: "a string with a NUL in it"}
	}
	block := C.CString(s)
	a.blocks = append(a.blocks, unsafe.Pointer(block))
	return block
}

// optional is text, NULL for the empty string.
func (a *arena) optional(s string) *C.char {
	if s == "" {
		return nil
	}
	return a.text(s)
}

// bytes copies text that may hold anything.
func (a *arena) bytes(b []byte) *C.char {
	block := C.CBytes(append(b[:len(b):len(b)], 0))
	a.blocks = append(a.blocks, block)
	return (*C.char)(block)
}

func (a *arena) uint32s(values []uint32) *C.uint32_t {
	array := (*C.uint32_t)(a.alloc(C.size_t(len(values)) * 4))
	copy(unsafe.Slice((*uint32)(unsafe.Pointer(array)), len(values)), values)
	return array
}

func (a *arena) doubles(values []float64) *C.double {
	array := (*C.double)(a.alloc(C.size_t(len(values)) * 8))
	copy(unsafe.Slice((*float64)(unsafe.Pointer(array)), len(values)), values)
	return array
}

// copyUint32s copies an array that C keeps.
func copyUint32s(array *C.uint32_t, count C.uint32_t) []uint32 {
	if count == 0 {
		return nil
	}
	return append([]uint32(nil), unsafe.Slice((*uint32)(unsafe.Pointer(array)), int(count))...)
}

func copyDoubles(array *C.double, count int) []float64 {
	return append([]float64(nil), unsafe.Slice((*float64)(unsafe.Pointer(array)), count)...)
}

// takeText copies a text made by the library and ends it.
func takeText(text *C.llmsched_text) string {
	defer C.llmsched_text_destroy(text)
	return C.GoStringN(C.llmsched_text_data(text), C.int(C.llmsched_text_length(text)))
}
