// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Kind is the kind of a stage.
type Kind uint32

// Kinds of a stage.
const (
	LLM     Kind = C.LLMSCHED_STAGE_LLM
	Regular Kind = C.LLMSCHED_STAGE_REGULAR
	Dynamic Kind = C.LLMSCHED_STAGE_DYNAMIC
)

// None is "no such index".
const None = uint32(C.LLMSCHED_INDEX_NONE)

// Stage is one stage of a template.
type Stage struct {
	Kind       Kind
	ID         string
	Name       string // empty: the id
	Model      string // LLM stages; empty: any engine without a model name
	Occurrence uint32 // which of the stages of this kind and name; set by the library
	Tasks      uint32 // exchangeable parallel tasks; 0: 1
}

// DagBuilder collects stages and edges.
type DagBuilder struct{ ptr *C.llmsched_dag_builder }

// NewDagBuilder makes an empty builder.
func NewDagBuilder(context *Context, name string) (*DagBuilder, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	var a arena
	defer a.free()
	b := &DagBuilder{}
	e := newError()
	cname := a.text(name)
	if a.err != nil {
		return nil, a.err
	}
	err := failure(C.llmsched_dag_builder_create(context.ptr, cname, &b.ptr, &e), &e)
	runtime.KeepAlive(context)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(b, (*DagBuilder).Close)
	return b, nil
}

// Close ends the builder.
func (b *DagBuilder) Close() {
	ptr := b.ptr
	b.ptr = nil
	runtime.SetFinalizer(b, nil)
	if ptr != nil {
		C.llmsched_dag_builder_destroy(ptr)
	}
}

// AddStage adds a stage and returns its number.
func (b *DagBuilder) AddStage(stage Stage) (uint32, error) {
	if b.ptr == nil {
		return 0, closedError("DagBuilder")
	}
	var a arena
	defer a.free()
	s := (*C.llmsched_stage)(a.alloc(C.sizeof_llmsched_stage))
	s.size = C.sizeof_llmsched_stage
	s.kind = C.uint32_t(stage.Kind)
	s.id = a.text(stage.ID)
	s.name = a.optional(stage.Name)
	s.model = a.optional(stage.Model)
	s.tasks = C.uint32_t(stage.Tasks)
	if a.err != nil {
		return 0, a.err
	}
	var index C.uint32_t
	e := newError()
	err := failure(C.llmsched_dag_builder_add_stage(b.ptr, s, &index, &e), &e)
	runtime.KeepAlive(b)
	return uint32(index), err
}

// AddEdge says that child cannot start before parent has finished or is known to be absent.
func (b *DagBuilder) AddEdge(parent, child uint32) error {
	if b.ptr == nil {
		return closedError("DagBuilder")
	}
	e := newError()
	err := failure(C.llmsched_dag_builder_add_edge(b.ptr, C.uint32_t(parent), C.uint32_t(child), &e), &e)
	runtime.KeepAlive(b)
	return err
}

// AddCandidate adds one sub-graph that a dynamic stage may turn into, and returns its number.
func (b *DagBuilder) AddCandidate(dynamicStage uint32, name string, members []uint32) (uint32, error) {
	if b.ptr == nil {
		return 0, closedError("DagBuilder")
	}
	var a arena
	defer a.free()
	cname, cmembers := a.text(name), a.uint32s(members)
	if a.err != nil {
		return 0, a.err
	}
	var candidate C.uint32_t
	e := newError()
	err := failure(C.llmsched_dag_builder_add_candidate(b.ptr, C.uint32_t(dynamicStage), cname, cmembers,
		C.uint32_t(len(members)), &candidate, &e), &e)
	runtime.KeepAlive(b)
	return uint32(candidate), err
}

// AddLoop unrolls a loop; copy r (from 0) of body[i] is the number returned + r*len(body) + i.
func (b *DagBuilder) AddLoop(body []uint32, rounds uint32) (uint32, error) {
	if b.ptr == nil {
		return 0, closedError("DagBuilder")
	}
	var a arena
	defer a.free()
	var first C.uint32_t
	e := newError()
	err := failure(C.llmsched_dag_builder_add_loop(b.ptr, a.uint32s(body), C.uint32_t(len(body)),
		C.uint32_t(rounds), &first, &e), &e)
	runtime.KeepAlive(b)
	return uint32(first), err
}

// Freeze validates; the builder stays usable.
func (b *DagBuilder) Freeze() (*Dag, error) {
	if b.ptr == nil {
		return nil, closedError("DagBuilder")
	}
	var ptr *C.llmsched_dag
	e := newError()
	err := failure(C.llmsched_dag_builder_freeze(b.ptr, &ptr, &e), &e)
	runtime.KeepAlive(b)
	if err != nil {
		return nil, err
	}
	return adoptDag(ptr), nil
}

// Dag is a validated template; immutable.
type Dag struct{ ptr *C.llmsched_dag }

func adoptDag(ptr *C.llmsched_dag) *Dag {
	d := &Dag{ptr}
	runtime.SetFinalizer(d, (*Dag).Close)
	return d
}

// ParseDag reads a DAG from JSON ("llmsched-dag-1").
func ParseDag(context *Context, json []byte) (*Dag, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	var a arena
	defer a.free()
	var ptr *C.llmsched_dag
	e := newError()
	err := failure(C.llmsched_dag_from_json(context.ptr, a.bytes(json), C.size_t(len(json)), &ptr, &e), &e)
	runtime.KeepAlive(context)
	if err != nil {
		return nil, err
	}
	return adoptDag(ptr), nil
}

// Close gives the DAG up.
func (d *Dag) Close() {
	ptr := d.ptr
	d.ptr = nil
	runtime.SetFinalizer(d, nil)
	if ptr != nil {
		C.llmsched_dag_release(ptr)
	}
}

func (d *Dag) open() *C.llmsched_dag {
	if d.ptr == nil {
		panic("llmsched: this Dag is closed")
	}
	return d.ptr
}

// JSON gives the DAG as "llmsched-dag-1".
func (d *Dag) JSON() (string, error) {
	if d.ptr == nil {
		return "", closedError("Dag")
	}
	var text *C.llmsched_text
	e := newError()
	err := failure(C.llmsched_dag_to_json(d.ptr, &text, &e), &e)
	runtime.KeepAlive(d)
	if err != nil {
		return "", err
	}
	return takeText(text), nil
}

// Name is the application's.
func (d *Dag) Name() string {
	defer runtime.KeepAlive(d)
	return C.GoString(C.llmsched_dag_name(d.open()))
}

// StageCount is the number of stages.
func (d *Dag) StageCount() uint32 {
	defer runtime.KeepAlive(d)
	return uint32(C.llmsched_dag_stage_count(d.open()))
}

// EdgeCount is the number of edges.
func (d *Dag) EdgeCount() uint32 {
	defer runtime.KeepAlive(d)
	return uint32(C.llmsched_dag_edge_count(d.open()))
}

// Stage reads a stage back.
func (d *Dag) Stage(index uint32) (Stage, error) {
	if d.ptr == nil {
		return Stage{}, closedError("Dag")
	}
	defer runtime.KeepAlive(d)
	var a arena
	defer a.free()
	s := (*C.llmsched_stage)(a.alloc(C.sizeof_llmsched_stage))
	s.size = C.sizeof_llmsched_stage
	e := newError()
	if err := failure(C.llmsched_dag_stage(d.ptr, C.uint32_t(index), s, &e), &e); err != nil {
		return Stage{}, err
	}
	return Stage{Kind(s.kind), C.GoString(s.id), C.GoString(s.name), C.GoString(s.model), uint32(s.occurrence),
		uint32(s.tasks)}, nil
}

// Find gives the number of the stage with this id, or None.
func (d *Dag) Find(id string) uint32 {
	defer runtime.KeepAlive(d)
	var a arena
	defer a.free()
	return uint32(C.llmsched_dag_find(d.open(), a.text(id)))
}

// FindOccurrence gives the number of the k-th stage of this kind and name, or None.
func (d *Dag) FindOccurrence(kind Kind, name string, k uint32) uint32 {
	defer runtime.KeepAlive(d)
	var a arena
	defer a.free()
	return uint32(C.llmsched_dag_find_occurrence(d.open(), C.uint32_t(kind), a.text(name), C.uint32_t(k)))
}

// Parents of a stage in ascending order.
func (d *Dag) Parents(stage uint32) []uint32 {
	defer runtime.KeepAlive(d)
	var count C.uint32_t
	array := C.llmsched_dag_parents(d.open(), C.uint32_t(stage), &count)
	return copyUint32s(array, count)
}

// Children of a stage in ascending order.
func (d *Dag) Children(stage uint32) []uint32 {
	defer runtime.KeepAlive(d)
	var count C.uint32_t
	array := C.llmsched_dag_children(d.open(), C.uint32_t(stage), &count)
	return copyUint32s(array, count)
}

// Order gives the stages in topological order.
func (d *Dag) Order() []uint32 {
	defer runtime.KeepAlive(d)
	return copyUint32s(C.llmsched_dag_order(d.open()), C.llmsched_dag_stage_count(d.ptr))
}

// Candidate is one sub-graph that a dynamic stage may turn into.
type Candidate struct {
	Name    string
	Members []uint32
}

// Candidates of a dynamic stage.
func (d *Dag) Candidates(stage uint32) []Candidate {
	defer runtime.KeepAlive(d)
	var a arena
	defer a.free()
	name := (**C.char)(a.alloc(C.size_t(unsafe.Sizeof(uintptr(0)))))
	candidates := make([]Candidate, C.llmsched_dag_candidate_count(d.open(), C.uint32_t(stage)))
	for i := range candidates {
		var count C.uint32_t
		members := C.llmsched_dag_candidate(d.ptr, C.uint32_t(stage), C.uint32_t(i), name, &count)
		candidates[i] = Candidate{C.GoString(*name), copyUint32s(members, count)}
	}
	return candidates
}

// CriticalPath gives the length of the longest path and the stages along it, a stage counting its weight.
func (d *Dag) CriticalPath(weights []float64) (float64, []uint32, error) {
	if d.ptr == nil {
		return 0, nil, closedError("Dag")
	}
	defer runtime.KeepAlive(d)
	if uint32(len(weights)) != d.StageCount() {
		return 0, nil, &Error{Status: ErrInvalid,
			Message: fmt.Sprintf("%d weights for %d stages", len(weights), d.StageCount())}
	}
	var a arena
	defer a.free()
	path := a.uint32s(make([]uint32, len(weights)))
	var length C.double
	var count C.uint32_t
	e := newError()
	err := failure(C.llmsched_dag_critical_path(d.ptr, a.doubles(weights), &length, path, &count, &e), &e)
	if err != nil {
		return 0, nil, err
	}
	return float64(length), copyUint32s(path, count), nil
}
