// SPDX-License-Identifier: Apache-2.0

// Package llmsched decides what a compound LLM application runs next.
//
// Events go in, decisions come out; the caller drives the loop. Every object has a Close, which may be called twice;
// the collector closes what nobody closed. A method of a closed object returns an error of status ErrState, or panics where it
// returns none. Immutable objects (Dag, Profile, History) may be used by any number of goroutines, the others by one at a time.
package llmsched

/*
#include <llmsched/llmsched.h>
*/
import "C"

import "runtime"

// ContextOptions are the limits of the objects made from a context; zero means the default.
type ContextOptions struct {
	MaxStages uint32 // stages of one DAG or job; 0: 65536
	MaxTable  uint64 // entries of one probability table; 0: 2^24
}

// Context is the root of every other object; immutable.
type Context struct{ ptr *C.llmsched_context }

// NewContext makes a context; nil stands for defaults.
func NewContext(options *ContextOptions) (*Context, error) {
	if err := CheckVersion(); err != nil {
		return nil, err
	}
	var o C.llmsched_context_options
	o.size = C.sizeof_llmsched_context_options
	if options != nil {
		o.max_stages = C.uint32_t(options.MaxStages)
		o.max_table = C.uint64_t(options.MaxTable)
	}
	c := &Context{}
	e := newError()
	if err := failure(C.llmsched_context_create(&o, &c.ptr, &e), &e); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(c, (*Context).Close)
	return c, nil
}

// Close gives the context up; objects made from it keep it alive.
func (c *Context) Close() {
	ptr := c.ptr
	c.ptr = nil
	runtime.SetFinalizer(c, nil)
	if ptr != nil {
		C.llmsched_context_destroy(ptr)
	}
}
