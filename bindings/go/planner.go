// SPDX-License-Identifier: Apache-2.0

package llmsched

/*
#include <llmsched/llmsched.h>
*/
import "C"

import (
	"runtime"
)

// PlannerInfo describes a planner.
type PlannerInfo struct{ Name, Summary string }

// Planners lists the planners, rivals included.
func Planners() []PlannerInfo {
	list := make([]PlannerInfo, C.llmsched_planner_method_count())
	for i := range list {
		list[i] = PlannerInfo{C.GoString(C.llmsched_planner_method_name(C.uint32_t(i))),
			C.GoString(C.llmsched_planner_method_summary(C.uint32_t(i)))}
	}
	return list
}

// GPU is one GPU; Domain is the node or island of fast links that it belongs to.
type GPU struct {
	ID, Kind, Domain string
	MemoryBytes      float64
}

// Model is a model; ConfigCount is ignored on adding.
type Model struct {
	Name                         string
	WeightBytes, KVBytesPerToken float64
	KVFloorBytes, RuntimeBytes   float64
	ConfigCount                  uint32
}

// ModelConfig is a way to run a model, with its measured curve: seconds for one prompt, and seconds per output token.
// Tables stand in place of the linear forms.
type ModelConfig struct {
	GPU              string
	TP               uint32  // GPUs of a replica
	Share            float64 // of each of its GPUs; 0: 1
	HasBandwidth     bool
	Bandwidth        float64 // fraction of a GPU's memory bandwidth at full batch; without: the share
	MaxBatch         uint32
	PrefillBaseS     float64
	PrefillPerTokenS float64
	DecodeBaseS      float64

	DecodePerRequestS, DecodePerRequestTokenS float64

	PrefillTable [][2]float64 // tokens, ascending, and seconds
	DecodeTable  [][3]float64 // batch, context, and seconds
}

// App is an application with the rate to plan for.
type App struct {
	Name        string
	RatePerS    float64
	HasWeight   bool
	Weight      float64 // of its latency in the objective; without: 1
	MaxLatencyS float64 // hard limit of its mean latency; 0: none
}

// AppStage is a stage of an application given as a graph.
type AppStage struct {
	ID             string
	Model          string   // empty: a tool
	Parents        []uint32 // numbers of earlier stages of the application
	Tasks          float64  // calls at once; 0: 1
	HasProbability bool
	Probability    float64 // that a job takes the stage; without: 1
	PromptTokens   float64
	OutputTokens   float64
	DurationS      float64 // of a tool
}

// AppCall is what an application given as a summary asks of one model.
type AppCall struct {
	Model                      string
	Calls, Overlap             float64 // mean calls of a job, mean number of them at once (0: 1)
	PromptTokens, OutputTokens float64
	Group                      float64 // how many come at the same time, itself among them; 0: Overlap
	ContextTokens              float64 // mean context of an output token; 0: prompt + output / 2
}

// Planner collects a cluster, models and applications; what is added goes by number, from 0 in that order.
type Planner struct{ ptr *C.llmsched_planner }

// NewPlanner makes an empty planner.
func NewPlanner(context *Context) (*Planner, error) {
	if context.ptr == nil {
		return nil, closedError("Context")
	}
	p := &Planner{}
	e := newError()
	err := failure(C.llmsched_planner_create(context.ptr, &p.ptr, &e), &e)
	runtime.KeepAlive(context)
	if err != nil {
		return nil, err
	}
	runtime.SetFinalizer(p, (*Planner).Close)
	return p, nil
}

// Close ends the planner; its plans live on.
func (p *Planner) Close() {
	ptr := p.ptr
	p.ptr = nil
	runtime.SetFinalizer(p, nil)
	if ptr != nil {
		C.llmsched_planner_destroy(ptr)
	}
}

// call runs one function of the library with an arena for what it is handed; run does not hand over what has a bad
// string in it. What it reads of the planner must be copied before it returns.
func (p *Planner) call(run func(a *arena, e *C.llmsched_error) C.llmsched_status) error {
	if p.ptr == nil {
		return closedError("Planner")
	}
	var a arena
	defer a.free()
	e := newError()
	status := run(&a, &e)
	runtime.KeepAlive(p)
	if a.err != nil {
		return a.err
	}
	return failure(status, &e)
}

// add is call for functions that give a number.
func (p *Planner) add(run func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status) (uint32, error) {
	var index C.uint32_t
	err := p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status { return run(a, &index, e) })
	return uint32(index), err
}

// number is call for functions that give one value.
func (p *Planner) number(run func(value *C.double, e *C.llmsched_error) C.llmsched_status) (float64, error) {
	var value C.double
	err := p.call(func(_ *arena, e *C.llmsched_error) C.llmsched_status { return run(&value, e) })
	return float64(value), err
}

// count is for functions that give a number and cannot fail.
func (p *Planner) count(run func() C.uint32_t) uint32 {
	if p.ptr == nil {
		panic("llmsched: this Planner is closed")
	}
	defer runtime.KeepAlive(p)
	return uint32(run())
}

// AddGPU adds one GPU.
func (p *Planner) AddGPU(gpu GPU) (uint32, error) {
	return p.add(func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status {
		info := (*C.llmsched_gpu)(a.alloc(C.sizeof_llmsched_gpu))
		info.size = C.sizeof_llmsched_gpu
		info.id, info.kind, info.domain = a.text(gpu.ID), a.text(gpu.Kind), a.text(gpu.Domain)
		info.memory_bytes = C.double(gpu.MemoryBytes)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_gpu(p.ptr, info, index, e)
	})
}

// AddGPUs adds the GPUs of a short string: nodes x GPUs x kind, as in "2x8xh100-80g+1x4xl4-24g".
func (p *Planner) AddGPUs(cluster string) error {
	return p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		text := a.text(cluster)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_gpus(p.ptr, text, e)
	})
}

// ReadCluster adds the GPUs of a "llmsched-gpus-1" document.
func (p *Planner) ReadCluster(json []byte) error {
	return p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_read_cluster(p.ptr, a.bytes(json), C.size_t(len(json)), e)
	})
}

// GPUCount is the number of GPUs.
func (p *Planner) GPUCount() uint32 {
	return p.count(func() C.uint32_t { return C.llmsched_planner_gpu_count(p.ptr) })
}

// GPU reads a GPU.
func (p *Planner) GPU(index uint32) (gpu GPU, err error) {
	info := C.llmsched_gpu{size: C.sizeof_llmsched_gpu}
	err = p.call(func(_ *arena, e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_planner_get_gpu(p.ptr, C.uint32_t(index), &info, e)
		gpu = GPU{C.GoString(info.id), C.GoString(info.kind), C.GoString(info.domain), float64(info.memory_bytes)}
		return status
	})
	return gpu, err
}

// AddModel adds a model, without configurations.
func (p *Planner) AddModel(model Model) (uint32, error) {
	return p.add(func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status {
		info := (*C.llmsched_model)(a.alloc(C.sizeof_llmsched_model))
		info.size = C.sizeof_llmsched_model
		info.name = a.text(model.Name)
		info.weight_bytes, info.kv_bytes_per_token = C.double(model.WeightBytes), C.double(model.KVBytesPerToken)
		info.kv_floor_bytes, info.runtime_bytes = C.double(model.KVFloorBytes), C.double(model.RuntimeBytes)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_model(p.ptr, info, index, e)
	})
}

func configInfo(config ModelConfig, a *arena) *C.llmsched_model_config {
	info := (*C.llmsched_model_config)(a.alloc(C.sizeof_llmsched_model_config))
	info.size = C.sizeof_llmsched_model_config
	info.gpu = a.text(config.GPU)
	info.tp, info.max_batch = C.uint32_t(config.TP), C.uint32_t(config.MaxBatch)
	info.share = C.double(config.Share)
	if config.HasBandwidth {
		info.flags, info.bandwidth = C.LLMSCHED_CONFIG_HAS_BANDWIDTH, C.double(config.Bandwidth)
	}
	info.prefill_base_s, info.prefill_per_token_s = C.double(config.PrefillBaseS), C.double(config.PrefillPerTokenS)
	info.decode_base_s = C.double(config.DecodeBaseS)
	info.decode_per_request_s = C.double(config.DecodePerRequestS)
	info.decode_per_request_token_s = C.double(config.DecodePerRequestTokenS)
	var columns [5][]float64
	for _, point := range config.PrefillTable {
		columns[0], columns[1] = append(columns[0], point[0]), append(columns[1], point[1])
	}
	for _, point := range config.DecodeTable {
		columns[2], columns[3] = append(columns[2], point[0]), append(columns[3], point[1])
		columns[4] = append(columns[4], point[2])
	}
	info.prefill_count, info.decode_count = C.uint32_t(len(columns[0])), C.uint32_t(len(columns[2]))
	info.prefill_tokens, info.prefill_s = a.doubles(columns[0]), a.doubles(columns[1])
	info.decode_batch, info.decode_context, info.decode_s = a.doubles(columns[2]), a.doubles(columns[3]), a.doubles(columns[4])
	return info
}

// AddConfig adds a way to run a model.
func (p *Planner) AddConfig(model uint32, config ModelConfig) (uint32, error) {
	return p.add(func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status {
		info := configInfo(config, a)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_config(p.ptr, C.uint32_t(model), info, index, e)
	})
}

// ReadModels adds the models of a "llmsched-models-1" document.
func (p *Planner) ReadModels(json []byte) error {
	return p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_read_models(p.ptr, a.bytes(json), C.size_t(len(json)), e)
	})
}

// ModelCount is the number of models.
func (p *Planner) ModelCount() uint32 {
	return p.count(func() C.uint32_t { return C.llmsched_planner_model_count(p.ptr) })
}

// FindModel is the number of the model of this name, or None.
func (p *Planner) FindModel(name string) uint32 {
	var a arena
	defer a.free()
	text := a.text(name)
	if a.err != nil {
		return None
	}
	return p.count(func() C.uint32_t { return C.llmsched_planner_find_model(p.ptr, text) })
}

// Model reads a model.
func (p *Planner) Model(index uint32) (model Model, err error) {
	info := C.llmsched_model{size: C.sizeof_llmsched_model}
	err = p.call(func(_ *arena, e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_planner_get_model(p.ptr, C.uint32_t(index), &info, e)
		model = Model{C.GoString(info.name), float64(info.weight_bytes), float64(info.kv_bytes_per_token),
			float64(info.kv_floor_bytes), float64(info.runtime_bytes), uint32(info.config_count)}
		return status
	})
	return model, err
}

func newConfig(info *C.llmsched_model_config) ModelConfig {
	config := ModelConfig{GPU: C.GoString(info.gpu), TP: uint32(info.tp), Share: float64(info.share), HasBandwidth: true,
		Bandwidth: float64(info.bandwidth), MaxBatch: uint32(info.max_batch), PrefillBaseS: float64(info.prefill_base_s),
		PrefillPerTokenS: float64(info.prefill_per_token_s), DecodeBaseS: float64(info.decode_base_s),
		DecodePerRequestS: float64(info.decode_per_request_s), DecodePerRequestTokenS: float64(info.decode_per_request_token_s)}
	tokens, prefill := copyPoints(info.prefill_tokens, info.prefill_count), copyPoints(info.prefill_s, info.prefill_count)
	for i := range tokens {
		config.PrefillTable = append(config.PrefillTable, [2]float64{tokens[i], prefill[i]})
	}
	batch, context := copyPoints(info.decode_batch, info.decode_count), copyPoints(info.decode_context, info.decode_count)
	decode := copyPoints(info.decode_s, info.decode_count)
	for i := range batch {
		config.DecodeTable = append(config.DecodeTable, [3]float64{batch[i], context[i], decode[i]})
	}
	return config
}

func copyPoints(array *C.double, count C.uint32_t) []float64 {
	if count == 0 {
		return nil
	}
	return copyDoubles(array, int(count))
}

// Config reads a configuration of a model; a table's points are sorted by batch, then context.
func (p *Planner) Config(model, index uint32) (config ModelConfig, err error) {
	info := C.llmsched_model_config{size: C.sizeof_llmsched_model_config}
	err = p.call(func(_ *arena, e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_planner_get_config(p.ptr, C.uint32_t(model), C.uint32_t(index), &info, e)
		if status == C.LLMSCHED_OK {
			config = newConfig(&info)
		}
		return status
	})
	return config, err
}

// PrefillS is the seconds that a configuration takes for one prompt of so many tokens.
func (p *Planner) PrefillS(model, config uint32, tokens float64) (float64, error) {
	return p.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_prefill_s(p.ptr, C.uint32_t(model), C.uint32_t(config), C.double(tokens), value, e)
	})
}

// DecodeS is the seconds per output token with so many requests of this mean context.
func (p *Planner) DecodeS(model, config uint32, batch, context float64) (float64, error) {
	return p.number(func(value *C.double, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_decode_s(p.ptr, C.uint32_t(model), C.uint32_t(config), C.double(batch), C.double(context),
			value, e)
	})
}

func appInfo(app App, a *arena) *C.llmsched_app {
	info := (*C.llmsched_app)(a.alloc(C.sizeof_llmsched_app))
	info.size = C.sizeof_llmsched_app
	info.name = a.optional(app.Name)
	info.rate_per_s, info.max_latency_s = C.double(app.RatePerS), C.double(app.MaxLatencyS)
	if app.HasWeight {
		info.flags, info.weight = C.LLMSCHED_APP_HAS_WEIGHT, C.double(app.Weight)
	}
	return info
}

// AddApp adds an application, without stages and calls.
func (p *Planner) AddApp(app App) (uint32, error) {
	return p.add(func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status {
		info := appInfo(app, a)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_app(p.ptr, info, index, e)
	})
}

// AddProfile adds an application with the calls that a profile has learned; without a name it has the profile's.
func (p *Planner) AddProfile(app App, profile *Profile) (uint32, error) {
	if profile.ptr == nil {
		return 0, closedError("Profile")
	}
	defer runtime.KeepAlive(profile)
	return p.add(func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status {
		info := appInfo(app, a)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_profile(p.ptr, info, profile.ptr, index, e)
	})
}

// AddAppStage adds a stage to an application.
func (p *Planner) AddAppStage(app uint32, stage AppStage) (uint32, error) {
	return p.add(func(a *arena, index *C.uint32_t, e *C.llmsched_error) C.llmsched_status {
		info := (*C.llmsched_app_stage)(a.alloc(C.sizeof_llmsched_app_stage))
		info.size = C.sizeof_llmsched_app_stage
		info.id, info.model = a.text(stage.ID), a.optional(stage.Model)
		info.parents, info.parent_count = a.uint32s(stage.Parents), C.uint32_t(len(stage.Parents))
		info.tasks = C.double(stage.Tasks)
		if stage.HasProbability {
			info.flags, info.probability = C.LLMSCHED_STAGE_HAS_PROBABILITY, C.double(stage.Probability)
		}
		info.prompt_tokens, info.output_tokens = C.double(stage.PromptTokens), C.double(stage.OutputTokens)
		info.duration_s = C.double(stage.DurationS)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_app_stage(p.ptr, C.uint32_t(app), info, index, e)
	})
}

// AddAppCall adds what the jobs of an application ask of one model.
func (p *Planner) AddAppCall(app uint32, call AppCall) error {
	return p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		info := (*C.llmsched_app_call)(a.alloc(C.sizeof_llmsched_app_call))
		info.size = C.sizeof_llmsched_app_call
		info.model = a.text(call.Model)
		info.calls, info.overlap, info.group = C.double(call.Calls), C.double(call.Overlap), C.double(call.Group)
		info.prompt_tokens, info.output_tokens = C.double(call.PromptTokens), C.double(call.OutputTokens)
		info.context_tokens = C.double(call.ContextTokens)
		if a.err != nil {
			return C.LLMSCHED_ERROR_INVALID
		}
		return C.llmsched_planner_add_app_call(p.ptr, C.uint32_t(app), info, e)
	})
}

// ReadApps adds the applications of a "llmsched-apps-1" document; their models must be there.
func (p *Planner) ReadApps(json []byte) error {
	return p.call(func(a *arena, e *C.llmsched_error) C.llmsched_status {
		return C.llmsched_planner_read_apps(p.ptr, a.bytes(json), C.size_t(len(json)), e)
	})
}

// AppCount is the number of applications.
func (p *Planner) AppCount() uint32 {
	return p.count(func() C.uint32_t { return C.llmsched_planner_app_count(p.ptr) })
}

// App reads an application.
func (p *Planner) App(index uint32) (app App, err error) {
	info := C.llmsched_app{size: C.sizeof_llmsched_app}
	err = p.call(func(_ *arena, e *C.llmsched_error) C.llmsched_status {
		status := C.llmsched_planner_get_app(p.ptr, C.uint32_t(index), &info, e)
		app = App{C.GoString(info.name), float64(info.rate_per_s), status == C.LLMSCHED_OK, float64(info.weight),
			float64(info.max_latency_s)}
		return status
	})
	return app, err
}
