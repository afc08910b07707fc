// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>

void llmsched_go_progress(llmsched_planner_options *options, void *user);
*/
import "C"

import (
	"fmt"
	"runtime"
	"runtime/cgo"
	"unsafe"
)

// PlanOptions say how to plan; zero means the default.
type PlanOptions struct {
	Planner     string  // "llmsched", or a rival of Planners() with its options ("k8s:target=0.5"); empty: "llmsched"
	RateFactor  float64 // plan for the rates times this; 0: 1
	Utilisation float64 // most of a model's saturation rate that may be used; 0: 0.9
	NodeBudget  uint64  // nodes of the search; 0: a million
	Running     *Plan   // what runs now: prefer plans that move less
	MoveCostS   float64 // added to the objective for each replica that moves
	// Progress is told now and then of the nodes visited, the best objective so far and what no plan can be below. stop
	// ends the search with the best plan so far; an error, or a panic, comes out of the call.
	Progress func(nodes uint64, best, bound float64) (stop bool, err error)
}

// planProgress is what the handle in C stands for.
type planProgress struct {
	tell func(nodes uint64, best, bound float64) (bool, error)
	err  error // the failure of the callback
}

//export llmschedGoProgress
func llmschedGoProgress(handle C.uintptr_t, nodes C.uint64_t, best, bound C.double) (stop C.int32_t) {
	p := cgo.Handle(handle).Value().(*planProgress)
	defer func() {
		if r := recover(); r != nil {
			p.err = fmt.Errorf("llmsched: panic in a progress callback: %v", r)
			stop = 1
		}
	}()
	ends, err := p.tell(uint64(nodes), float64(best), float64(bound))
	if p.err = err; ends || err != nil {
		return 1
	}
	return 0
}

// ask calls a function that plans, with options in C memory. The failure of the callback goes before the library's: then
// there may be a plan all the same.
func (p *Planner) ask(options *PlanOptions, run func(o *C.llmsched_planner_options, e *C.llmsched_error) C.llmsched_status) error {
	if options == nil {
		options = &PlanOptions{}
	}
	if options.Running != nil && options.Running.ptr == nil {
		return closedError("Plan")
	}
	defer runtime.KeepAlive(options.Running)
	progress := &planProgress{tell: options.Progress}
	err := p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		o := (*C.llmsched_planner_options)(a.alloc(C.sizeof_llmsched_planner_options))
		o.size = C.sizeof_llmsched_planner_options
		o.planner = a.optional(options.Planner)
		o.rate_factor, o.max_utilisation = C.double(options.RateFactor), C.double(options.Utilisation)
		o.node_budget, o.move_cost_s = C.uint64_t(options.NodeBudget), C.double(options.MoveCostS)
		if options.Running != nil {
			o.running = options.Running.ptr
		}
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		if options.Progress != nil {
			handle := cgo.NewHandle(progress)
			defer handle.Delete()
			user := a.alloc(C.size_t(unsafe.Sizeof(uintptr(0))))
			*(*C.uintptr_t)(user) = C.uintptr_t(handle)
			C.llmsched_go_progress(o, user)
		}
		return run(o, e)
	})
	if progress.err != nil {
		return progress.err
	}
	return err
}

// made is the plan that came out, or none where the call, or its callback, failed.
func made(ptr *C.llmsched_plan, err error) (*Plan, error) {
	if err != nil {
		if ptr != nil {
			C.llmsched_plan_release(ptr)
		}
		return nil, err
	}
	plan := &Plan{ptr}
	runtime.SetFinalizer(plan, (*Plan).Close)
	return plan, nil
}

// Plan plans; where there is no plan, the answer is one whose status is PlanInfeasible. options may be nil.
func (p *Planner) Plan(options *PlanOptions) (*Plan, error) {
	var ptr *C.llmsched_plan
	err := p.ask(options, func(o *C.llmsched_planner_options, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_plan(p.ptr, o, &ptr, e)
	})
	return made(ptr, err)
}

// MaxRate is the highest common factor on all rates for which there is a plan, and that plan.
func (p *Planner) MaxRate(options *PlanOptions) (float64, *Plan, error) {
	var ptr *C.llmsched_plan
	var factor C.double
	err := p.ask(options, func(o *C.llmsched_planner_options, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_max_rate(p.ptr, o, &factor, &ptr, e)
	})
	plan, err := made(ptr, err)
	return float64(factor), plan, err
}

// MinGPUs is the fewest GPUs from the front of the cluster for which there is a plan, 0 where all are too few.
func (p *Planner) MinGPUs(options *PlanOptions) (uint32, *Plan, error) {
	var ptr *C.llmsched_plan
	var gpus C.uint32_t
	err := p.ask(options, func(o *C.llmsched_planner_options, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_min_gpus(p.ptr, o, &gpus, &ptr, e)
	})
	plan, err := made(ptr, err)
	return uint32(gpus), plan, err
}

// Menus is what is searched, a "llmsched-menus-1" document.
func (p *Planner) Menus(options *PlanOptions) (string, error) {
	var text *C.llmsched_text
	err := p.ask(options, func(o *C.llmsched_planner_options, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_menus(p.ptr, o, &text, e)
	})
	if err != nil {
		return "", err
	}
	return takeText(text), nil
}

// ParsePlan reads a plan for the cluster and models of a planner.
func ParsePlan(planner *Planner, json []byte) (*Plan, error) {
	var ptr *C.llmsched_plan
	err := planner.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_plan_from_json(planner.ptr, a.bytes(json), C.size_t(len(json)), &ptr, e)
	})
	return made(ptr, err)
}

// PlanStatus is how a plan came out.
type PlanStatus uint32

// Values of PlanStatus.
const (
	PlanOptimal    PlanStatus = C.LLMSCHED_PLAN_OPTIMAL
	PlanFeasible   PlanStatus = C.LLMSCHED_PLAN_FEASIBLE
	PlanInfeasible PlanStatus = C.LLMSCHED_PLAN_INFEASIBLE
)

// Binding is what keeps a plan from being better, or from being.
type Binding uint32

// Values of Binding.
const (
	BindingNone      Binding = C.LLMSCHED_BINDING_NONE
	BindingShare     Binding = C.LLMSCHED_BINDING_SHARE
	BindingMemory    Binding = C.LLMSCHED_BINDING_MEMORY
	BindingBandwidth Binding = C.LLMSCHED_BINDING_BANDWIDTH
	BindingDomain    Binding = C.LLMSCHED_BINDING_DOMAIN
	BindingRate      Binding = C.LLMSCHED_BINDING_RATE
	BindingLatency   Binding = C.LLMSCHED_BINDING_LATENCY
)

// PlanInfo is the whole of a plan; bounds and objective in seconds of weighted latency.
type PlanInfo struct {
	Status                                       PlanStatus
	Planner                                      string
	Binding                                      Binding
	ModelCount, ReplicaCount, AppCount, GPUCount uint32
	MovedReplicas, MemoryBoundGPUs, TouchedGPUs  uint32
	Nodes                                        uint64
	ObjectiveS, BoundS, Gap                      float64
	AloneBoundS, CapacityBoundS                  float64
	ThroughputBoundPerS, ThroughputPerS          float64
	TotalShare                                   float64
}

// PlannedModel is a model in a plan; share, bandwidth and memory are of each GPU of a replica.
type PlannedModel struct {
	Model, GPU                 string
	TP, Batch                  uint32
	Config                     uint32 // number of the configuration in the planner's model, or None
	FirstReplica, ReplicaCount uint32
	Share, Bandwidth           float64
	MemoryBytes, CallLatencyS  float64
	LoadPerS, CapacityPerS     float64
}

// Replica is a replica: the number of its model in the plan, and of its GPUs in the cluster.
type Replica struct {
	Model uint32
	GPUs  []uint32
}

// PlannedApp is an application under a plan.
type PlannedApp struct {
	Name                   string
	LatencyS, CapacityPerS float64
}

// PlannedGPU is a GPU under a plan: what it has, and what is taken of it.
type PlannedGPU struct {
	ID, Kind, Domain                                 string
	Replicas                                         uint32
	MemoryBytes, UsedBytes, UsedShare, UsedBandwidth float64
}

// AutoscalerKind is a kind of autoscaler.
type AutoscalerKind uint32

// Values of AutoscalerKind.
const (
	AutoscalerNone AutoscalerKind = C.LLMSCHED_AUTOSCALER_NONE
	AutoscalerHPA  AutoscalerKind = C.LLMSCHED_AUTOSCALER_HPA
	AutoscalerKPA  AutoscalerKind = C.LLMSCHED_AUTOSCALER_KPA
)

// Autoscaler is how the replicas of a plan change over time.
type Autoscaler struct {
	Kind           AutoscalerKind
	StartS, Target float64
}

// Plan is a placement, or why there is none; immutable, and independent of the planner that made it.
type Plan struct{ ptr *C.llmsched_plan }

// Close gives the plan up.
func (p *Plan) Close() {
	ptr := p.ptr
	p.ptr = nil
	runtime.SetFinalizer(p, nil)
	if ptr != nil {
		C.llmsched_plan_release(ptr)
	}
}

// call runs one function of the library; what it reads of the plan must be copied before it returns.
func (p *Plan) call(run func(e *C.llmsched_error) C.llmsched_status) error {
	if p.ptr == nil {
		return closedError("Plan")
	}
	e := newError()
	status := run(&e)
	runtime.KeepAlive(p)
	return failure(status, &e)
}

// Info reads the whole.
func (p *Plan) Info() (info PlanInfo, err error) {
	i := C.llmsched_plan_info{size: C.sizeof_llmsched_plan_info}
	err = p.call(func(e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_plan_get_info(p.ptr, &i, e)
		info.Planner = C.GoString(i.planner)
		return status
	})
	info.Status, info.Binding = PlanStatus(i.status), Binding(i.binding)
	info.ModelCount, info.ReplicaCount = uint32(i.model_count), uint32(i.replica_count)
	info.AppCount, info.GPUCount = uint32(i.app_count), uint32(i.gpu_count)
	info.MovedReplicas, info.MemoryBoundGPUs = uint32(i.moved_replicas), uint32(i.memory_bound_gpus)
	info.TouchedGPUs, info.Nodes = uint32(i.touched_gpus), uint64(i.nodes)
	info.ObjectiveS, info.BoundS, info.Gap = float64(i.objective_s), float64(i.bound_s), float64(i.gap)
	info.AloneBoundS, info.CapacityBoundS = float64(i.alone_bound_s), float64(i.capacity_bound_s)
	info.ThroughputBoundPerS, info.ThroughputPerS = float64(i.throughput_bound_per_s), float64(i.throughput_per_s)
	info.TotalShare = float64(i.total_share)
	return info, err
}

// text reads a text that cannot fail.
func (p *Plan) text(run func() *C.char) string {
	if p.ptr == nil {
		panic("llmsched: this Plan is closed")
	}
	defer runtime.KeepAlive(p)
	return C.GoString(run())
}

// Reason is why there is no plan, or why optimality was not proved; empty otherwise.
func (p *Plan) Reason() string {
	return p.text(func() *C.char { return C.llmsched_plan_reason(p.ptr) })
}

// Lift is what would lift it; empty where there is a plan.
func (p *Plan) Lift() string { return p.text(func() *C.char { return C.llmsched_plan_lift(p.ptr) }) }

// Model reads a model.
func (p *Plan) Model(index uint32) (model PlannedModel, err error) {
	m := C.llmsched_plan_model{size: C.sizeof_llmsched_plan_model}
	err = p.call(func(e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_plan_get_model(p.ptr, C.uint32_t(index), &m, e)
		model = PlannedModel{C.GoString(m.model), C.GoString(m.gpu), uint32(m.tp), uint32(m.batch), uint32(m.config),
			uint32(m.first_replica), uint32(m.replica_count), float64(m.share), float64(m.bandwidth),
			float64(m.memory_bytes), float64(m.call_latency_s), float64(m.load_per_s), float64(m.capacity_per_s)}
		return status
	})
	return model, err
}

// Replica reads a replica, numbered through the plan.
func (p *Plan) Replica(index uint32) (replica Replica, err error) {
	r := C.llmsched_plan_replica{size: C.sizeof_llmsched_plan_replica}
	err = p.call(func(e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_plan_get_replica(p.ptr, C.uint32_t(index), &r, e)
		replica = Replica{uint32(r.model), copyUint32s(r.gpus, r.gpu_count)}
		return status
	})
	return replica, err
}

// App reads an application.
func (p *Plan) App(index uint32) (app PlannedApp, err error) {
	a := C.llmsched_plan_app{size: C.sizeof_llmsched_plan_app}
	err = p.call(func(e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_plan_get_app(p.ptr, C.uint32_t(index), &a, e)
		app = PlannedApp{C.GoString(a.name), float64(a.latency_s), float64(a.capacity_per_s)}
		return status
	})
	return app, err
}

// GPU reads a GPU.
func (p *Plan) GPU(index uint32) (gpu PlannedGPU, err error) {
	g := C.llmsched_plan_gpu{size: C.sizeof_llmsched_plan_gpu}
	err = p.call(func(e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_plan_get_gpu(p.ptr, C.uint32_t(index), &g, e)
		gpu = PlannedGPU{C.GoString(g.id), C.GoString(g.kind), C.GoString(g.domain), uint32(g.replicas),
			float64(g.memory_bytes), float64(g.used_bytes), float64(g.used_share), float64(g.used_bandwidth)}
		return status
	})
	return gpu, err
}

// Autoscaler reads the autoscaler.
func (p *Plan) Autoscaler() (Autoscaler, error) {
	a := C.llmsched_autoscaler{size: C.sizeof_llmsched_autoscaler}
	err := p.call(func(e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_plan_get_autoscaler(p.ptr, &a, e)
	})
	return Autoscaler{AutoscalerKind(a.kind), float64(a.start_s), float64(a.target)}, err
}

// JSON is the plan as "llmsched-plan-1".
func (p *Plan) JSON() (string, error) {
	var text *C.llmsched_text
	err := p.call(func(e *C.llmsched_error) C.llmsched_status { return C.llmsched_plan_to_json(p.ptr, &text, e) })
	if err != nil {
		return "", err
	}
	return takeText(text), nil
}

// Executor is what a scheduler wants to know of a replica.
func (p *Plan) Executor(replica uint32) (executor Executor, err error) {
	x := C.llmsched_executor{size: C.sizeof_llmsched_executor}
	err = p.call(func(e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_plan_get_executor(p.ptr, C.uint32_t(replica), &x, e)
		executor = Executor{Kind(x.kind), C.GoString(x.model), uint32(x.capacity), copyPoints(x.curve_batch, x.curve_count),
			copyPoints(x.curve_slowdown, x.curve_count), float64(x.price)}
		return status
	})
	return executor, err
}

// Start brings every replica up in a scheduler: replica i is executor first + i.
func (p *Plan) Start(scheduler *Scheduler, timeS float64, first uint64) error {
	if scheduler.ptr == nil {
		return closedError("Scheduler")
	}
	if p.ptr == nil {
		return closedError("Plan")
	}
	e := newError()
	err := scheduler.result(C.llmsched_plan_start(p.ptr, scheduler.ptr, C.double(timeS), C.uint64_t(first), &e), &e)
	runtime.KeepAlive(p)
	return err
}
