// SPDX-License-Identifier: Apache-2.0

package llmsched

import (
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
)

// recordedCase is the case of tests/golden.
func recordedCase(t *testing.T) *Planner {
	t.Helper()
	planner, err := NewPlanner(newContext(t))
	must(t, err)
	must(t, planner.ReadCluster(golden(t, "plan.cluster.json")))
	must(t, planner.ReadModels(golden(t, "plan.models.json")))
	must(t, planner.ReadApps(golden(t, "plan.apps.json")))
	return planner
}

// smallCase has one model and one configuration: prefill 0.1 s, then 0.02 s and a thousandth for each request a token.
func smallCase(t *testing.T, rate float64, gpus string) *Planner {
	t.Helper()
	planner, err := NewPlanner(newContext(t))
	must(t, err)
	must(t, planner.AddGPUs(gpus))
	model, err := planner.AddModel(Model{Name: "chat", WeightBytes: 60e9, KVBytesPerToken: 1e5, RuntimeBytes: 1e9})
	must(t, err)
	_, err = planner.AddConfig(model, ModelConfig{GPU: "h100-80g", TP: 1, MaxBatch: 8, PrefillBaseS: 0.1, DecodeBaseS: 0.02,
		DecodePerRequestS: 0.001})
	must(t, err)
	app, err := planner.AddApp(App{Name: "ask", RatePerS: rate})
	must(t, err)
	must(t, planner.AddAppCall(app, AppCall{Model: "chat", Calls: 1, PromptTokens: 500, OutputTokens: 50}))
	return planner
}

func planOf(t *testing.T, planner *Planner, options *PlanOptions) *Plan {
	t.Helper()
	plan, err := planner.Plan(options)
	must(t, err)
	return plan
}

func jsonOf(t *testing.T, plan *Plan) string {
	t.Helper()
	text, err := plan.JSON()
	must(t, err)
	return text
}

func infoOf(t *testing.T, plan *Plan) PlanInfo {
	t.Helper()
	info, err := plan.Info()
	must(t, err)
	return info
}

// fails says that an error is of a status.
func fails(t *testing.T, err error, status Status) {
	t.Helper()
	if !errors.Is(err, status) {
		t.Fatalf("not %v: %v", status, err)
	}
}

func TestRecordedCase(t *testing.T) {
	planner := recordedCase(t)
	defer planner.Close()
	menus, err := planner.Menus(nil)
	must(t, err)
	lines := []string{"menus", menus}
	for _, method := range Planners() {
		lines = append(lines, method.Name, jsonOf(t, planOf(t, planner, &PlanOptions{Planner: method.Name})))
	}
	lines = append(lines, "too much", jsonOf(t, planOf(t, planner, &PlanOptions{RateFactor: 1000})), "")
	if out := strings.Join(lines, "\n"); out != string(golden(t, "plan.expected.txt")) {
		t.Fatalf("other plans than in tests/golden/plan.expected.txt:\n%s", out)
	}
}

func TestClusterOfAPlanner(t *testing.T) {
	planner, err := NewPlanner(newContext(t))
	must(t, err)
	must(t, planner.AddGPUs("1x2xl4-24g"))
	mine := GPU{"mine", "h100-80g", "island", 8e10}
	index, err := planner.AddGPU(mine)
	must(t, err)
	equal(t, index, uint32(2))
	gpu, err := planner.GPU(2)
	must(t, err)
	equal(t, gpu, mine)
	gpu, err = planner.GPU(1)
	must(t, err)
	equal(t, gpu, GPU{"n0g1", "l4-24g", "n0", 24 << 30})
	_, err = planner.AddGPU(mine)
	fails(t, err, ErrExists)
	mine.ID = "a\x00b"
	_, err = planner.AddGPU(mine)
	fails(t, err, ErrInvalid)
	if planner.AddGPUs("8 of the best") == nil || planner.ReadCluster([]byte("{")) == nil {
		t.Fatal("a bad cluster passed")
	}
	_, err = planner.Plan(nil)
	fails(t, err, ErrState)
	equal(t, planner.GPUCount(), uint32(3))
}

func TestModelsOfAPlanner(t *testing.T) {
	planner, err := NewPlanner(newContext(t))
	must(t, err)
	_, err = planner.AddModel(Model{Name: "chat", WeightBytes: 60e9, KVFloorBytes: 2e9})
	must(t, err)
	linear := ModelConfig{GPU: "h100-80g", TP: 2, Share: 0.5, HasBandwidth: true, Bandwidth: 0.25, MaxBatch: 8,
		PrefillBaseS: 0.5, PrefillPerTokenS: 0.25, DecodeBaseS: 1, DecodePerRequestS: 0.5, DecodePerRequestTokenS: 0.125}
	table := ModelConfig{GPU: "l4-24g", TP: 1, Share: 1, MaxBatch: 16, PrefillTable: [][2]float64{{0, 1}, {100, 3}},
		DecodeTable: [][3]float64{{2, 10, 4}, {1, 10, 2}, {1, 30, 6}}}
	for _, config := range []ModelConfig{linear, table} {
		_, err := planner.AddConfig(0, config)
		must(t, err)
	}
	_, err = planner.AddConfig(0, table)
	fails(t, err, ErrExists)
	model, err := planner.Model(0)
	must(t, err)
	equal(t, model, Model{Name: "chat", WeightBytes: 60e9, KVFloorBytes: 2e9, ConfigCount: 2})
	config, err := planner.Config(0, 0)
	must(t, err)
	equal(t, config, linear)
	config, err = planner.Config(0, 1)
	must(t, err)
	table.HasBandwidth, table.Bandwidth = true, 1
	table.DecodeTable = [][3]float64{{1, 10, 2}, {1, 30, 6}, {2, 10, 4}}
	equal(t, config, table)
	_, err = planner.Config(0, 2)
	if err == nil {
		t.Fatal("a third configuration")
	}
	for i, want := range []float64{3, 1.2} {
		seconds, err := planner.PrefillS(0, uint32(i), 10)
		must(t, err)
		equal(t, seconds, want)
	}
	for i, want := range []float64{7, 4} {
		seconds, err := planner.DecodeS(0, uint32(i), 4, 8)
		must(t, err)
		equal(t, seconds, want)
	}
	_, err = planner.DecodeS(0, 0, math.NaN(), 8)
	fails(t, err, ErrInvalid)
	equal(t, planner.FindModel("chat"), uint32(0))
	equal(t, planner.FindModel("nobody"), None)
	equal(t, planner.ModelCount(), uint32(1))
}

func TestAppsOfAPlanner(t *testing.T) {
	planner := smallCase(t, 1, "1x2xh100-80g")
	graph := App{Name: "graph", RatePerS: 2, HasWeight: true, Weight: 3, MaxLatencyS: 30}
	index, err := planner.AddApp(graph)
	must(t, err)
	_, err = planner.AddAppStage(index, AppStage{ID: "look", DurationS: 0.5})
	must(t, err)
	stage, err := planner.AddAppStage(index, AppStage{ID: "say", Model: "chat", Parents: []uint32{0}, Tasks: 2,
		HasProbability: true, Probability: 0.5, PromptTokens: 100, OutputTokens: 10})
	must(t, err)
	equal(t, stage, uint32(1))
	fails(t, planner.AddAppCall(index, AppCall{Model: "chat", Calls: 1}), ErrState)
	_, err = planner.AddAppStage(index, AppStage{ID: "shout", Model: "nobody"})
	fails(t, err, ErrNotFound)
	read, err := planner.App(index)
	must(t, err)
	equal(t, read, graph)
	equal(t, planner.AppCount(), uint32(2))

	profiler, err := NewProfiler(newContext(t), "fan", nil, nil)
	must(t, err)
	must(t, profiler.Observe(Run{App: "fan", Stages: []RunStage{{Kind: LLM, Name: "act", WorkS: 2, PromptTokens: 500,
		OutputTokens: 50}}}))
	profile, err := profiler.Fit()
	must(t, err)
	index, err = planner.AddProfile(App{RatePerS: 0.5}, profile)
	must(t, err)
	read, err = planner.App(index)
	must(t, err)
	equal(t, read, App{"fan", 0.5, true, 1, 0})
	profile.Close()
	_, err = planner.AddProfile(App{RatePerS: 0.5}, profile)
	fails(t, err, ErrState)
}

func TestPlan(t *testing.T) {
	planner := smallCase(t, 1, "1x2xh100-80g")
	plan := planOf(t, planner, nil)
	planner.Close()
	info := infoOf(t, plan)
	equal(t, []uint32{uint32(info.Status), info.ReplicaCount, info.GPUCount, info.TouchedGPUs},
		[]uint32{uint32(PlanOptimal), 2, 2, 2})
	equal(t, plan.Reason()+plan.Lift(), "")
	model, err := plan.Model(0)
	must(t, err)
	equal(t, []interface{}{model.Model, model.GPU, model.TP, model.Config, model.ReplicaCount, model.LoadPerS},
		[]interface{}{"chat", "h100-80g", uint32(1), uint32(0), uint32(2), 1.0})
	replica, err := plan.Replica(1)
	must(t, err)
	equal(t, replica, Replica{0, []uint32{1}})
	app, err := plan.App(0)
	must(t, err)
	equal(t, []interface{}{app.Name, app.LatencyS}, []interface{}{"ask", info.ObjectiveS})
	gpu, err := plan.GPU(1)
	must(t, err)
	equal(t, gpu, PlannedGPU{"n0g1", "h100-80g", "n0", 1, 80 << 30, model.MemoryBytes, 1, 1})
	autoscaler, err := plan.Autoscaler()
	must(t, err)
	equal(t, autoscaler.Kind, AutoscalerNone)
	executor, err := plan.Executor(1)
	must(t, err)
	equal(t, []interface{}{executor.Kind, executor.Model, executor.Capacity, executor.Price},
		[]interface{}{LLM, "chat", uint32(8), 1.0})
	for i, batch := range executor.Batch {
		if math.Abs(executor.Slowdown[i]-(0.02+0.001*batch)/0.021) > 1e-12 {
			t.Fatalf("slowdown %g at %g", executor.Slowdown[i], batch)
		}
	}
	if _, err := plan.Replica(2); err == nil {
		t.Fatal("a third replica")
	}
	plan.Close()
	plan.Close()
	_, err = plan.JSON()
	fails(t, err, ErrState)
	_, err = planner.Plan(nil)
	fails(t, err, ErrState)
}

func TestNoPlan(t *testing.T) {
	planner := smallCase(t, 1000, "1x2xh100-80g")
	plan := planOf(t, planner, nil)
	equal(t, infoOf(t, plan).Status, PlanInfeasible)
	if !strings.Contains(plan.Reason(), "chat") || plan.Lift() == "" {
		t.Fatalf("reason %q, lift %q", plan.Reason(), plan.Lift())
	}
	factor, best, err := planner.MaxRate(nil)
	must(t, err)
	if factor <= 0 || factor >= 1 || infoOf(t, best).Status == PlanInfeasible {
		t.Fatalf("factor %g", factor)
	}
	count, _, err := planner.MinGPUs(nil)
	must(t, err)
	equal(t, count, uint32(0))
	count, fewest, err := smallCase(t, 1, "1x4xh100-80g").MinGPUs(nil)
	must(t, err)
	equal(t, []uint32{count, infoOf(t, fewest).ReplicaCount}, []uint32{1, 1})
	_, err = planner.Plan(&PlanOptions{Planner: "no such planner"})
	fails(t, err, ErrNotFound)
	_, err = planner.Plan(&PlanOptions{RateFactor: math.NaN()})
	fails(t, err, ErrInvalid)
}

func TestPlanAgain(t *testing.T) {
	planner := recordedCase(t)
	running := planOf(t, planner, &PlanOptions{Planner: "best-manual", RateFactor: 0.01})
	free := planOf(t, planner, &PlanOptions{Running: running})
	held := planOf(t, planner, &PlanOptions{Running: running, MoveCostS: 1000})
	if infoOf(t, free).MovedReplicas <= infoOf(t, held).MovedReplicas {
		t.Fatal("moves cost nothing")
	}
	text := jsonOf(t, free)
	again, err := ParsePlan(planner, []byte(text))
	must(t, err)
	equal(t, jsonOf(t, again), text)
	equal(t, infoOf(t, planOf(t, planner, &PlanOptions{Running: again})).MovedReplicas, uint32(0))
	_, err = ParsePlan(planner, []byte(strings.ReplaceAll(text, "small-1", "small-7")))
	fails(t, err, ErrParse)
	running.Close()
	_, err = planner.Plan(&PlanOptions{Running: running})
	fails(t, err, ErrState)
}

func TestPlanProgress(t *testing.T) {
	planner := recordedCase(t)
	told := 0
	plan := planOf(t, planner, &PlanOptions{Progress: func(nodes uint64, best, bound float64) (bool, error) {
		if told++; nodes == 0 || bound > best {
			t.Errorf("%d nodes, %g, %g", nodes, best, bound)
		}
		return false, nil
	}})
	if told == 0 || infoOf(t, plan).Status != PlanOptimal {
		t.Fatalf("told %d times", told)
	}
	_, err := planner.Plan(&PlanOptions{Progress: func(uint64, float64, float64) (bool, error) { return false, errBroken }})
	if !errors.Is(err, errBroken) {
		t.Fatalf("not the callback's error: %v", err)
	}
	_, err = planner.Plan(&PlanOptions{Progress: func(uint64, float64, float64) (bool, error) { return true, nil }})
	fails(t, err, ErrCallback) // there was no plan yet
	_, _, err = planner.MaxRate(&PlanOptions{Progress: func(uint64, float64, float64) (bool, error) { panic("broken") }})
	if err == nil || !strings.Contains(err.Error(), "panic in a progress callback") {
		t.Fatalf("not the callback's panic: %v", err)
	}
}

// crowdedCase has five models with twelve configurations each on six GPUs: more than one report of progress.
func crowdedCase(t *testing.T) *Planner {
	t.Helper()
	planner, err := NewPlanner(newContext(t))
	must(t, err)
	must(t, planner.AddGPUs("1x6xh100-80g"))
	for m := uint32(0); m < 5; m++ {
		f, name := float64(m), string(rune('a'+m))
		_, err := planner.AddModel(Model{Name: name, WeightBytes: (8 + 7*f) * 1e9, KVBytesPerToken: 1e5, RuntimeBytes: 1e9})
		must(t, err)
		for tp := uint32(1); tp <= 4; tp *= 2 {
			for _, share := range []float64{0.3, 0.5, 0.7, 1} {
				slow := (1 + 0.13*f) / (math.Pow(float64(tp), 0.8) * math.Pow(share, 0.6))
				_, err := planner.AddConfig(m, ModelConfig{GPU: "h100-80g", TP: tp, Share: share, MaxBatch: 16,
					PrefillBaseS: 0.02 * slow, PrefillPerTokenS: 1e-4 * slow, DecodeBaseS: 0.01 * slow,
					DecodePerRequestS: 0.0005 * slow, DecodePerRequestTokenS: 1e-8})
				must(t, err)
			}
		}
		app, err := planner.AddApp(App{Name: name, RatePerS: 0.5 + 0.1*f})
		must(t, err)
		must(t, planner.AddAppCall(app, AppCall{Model: name, Calls: 1, PromptTokens: 500 + 50*f, OutputTokens: 60}))
	}
	return planner
}

func TestPlanStopped(t *testing.T) {
	planner := crowdedCase(t)
	plan := planOf(t, planner, &PlanOptions{Progress: func(_ uint64, best, _ float64) (bool, error) {
		return !math.IsInf(best, 1), nil
	}})
	info := infoOf(t, plan)
	if info.Status != PlanFeasible || plan.Reason() == "" {
		t.Fatalf("status %d, reason %q", info.Status, plan.Reason())
	}
	equal(t, infoOf(t, planOf(t, planner, &PlanOptions{NodeBudget: info.Nodes})).Status, PlanFeasible)
	equal(t, infoOf(t, planOf(t, planner, nil)).Status, PlanOptimal)
	_, err := planner.Plan(&PlanOptions{Progress: func(_ uint64, best, _ float64) (bool, error) {
		if !math.IsInf(best, 1) {
			return false, errBroken
		}
		return false, nil
	}})
	if !errors.Is(err, errBroken) {
		t.Fatalf("not the callback's error: %v", err)
	}
}

func TestStart(t *testing.T) {
	plan := planOf(t, smallCase(t, 1, "1x2xh100-80g"), nil)
	scheduler, err := NewScheduler(newContext(t), SchedulerOptions{Policy: "fcfs"})
	must(t, err)
	must(t, plan.Start(scheduler, 1, 10))
	must(t, scheduler.JobArrived(1, 3, Job{}))
	must(t, scheduler.StageRevealed(1, 3, 0, RevealedStage{Kind: LLM, Name: "answer", Model: "chat", Tasks: 20}))
	taken := map[uint64]int{}
	for d, ok, err := scheduler.Next(1); ok; d, ok, err = scheduler.Next(1) {
		must(t, err)
		taken[d.Executor]++
	}
	equal(t, taken, map[uint64]int{10: 8, 11: 8})
	fails(t, plan.Start(scheduler, 1, 9), ErrExists)
	stats, err := scheduler.Stats()
	must(t, err)
	equal(t, stats.Executors, uint32(2))
	scheduler.Close()
	fails(t, plan.Start(scheduler, 1, 9), ErrState)
}

// The collector runs between all calls; what C still needs must be alive.
func TestPlanUnderTheCollector(t *testing.T) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for i := 0; i < 20; i++ {
		planner := smallCase(t, 1, "1x2xh100-80g")
		plan := planOf(t, planner, &PlanOptions{Running: planOf(t, planner, nil), MoveCostS: 1,
			Progress: func(uint64, float64, float64) (bool, error) { runtime.GC(); return false, nil }})
		executor, err := plan.Executor(1)
		must(t, err)
		equal(t, executor.Model, "chat")
		scheduler, err := NewScheduler(newContext(t), SchedulerOptions{})
		must(t, err)
		must(t, planOf(t, smallCase(t, 1, "1x2xh100-80g"), nil).Start(scheduler, 0, 0))
	}
	close(stop)
	<-done
}
