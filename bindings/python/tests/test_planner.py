# SPDX-License-Identifier: Apache-2.0
"""The planner in Python against the library: run with LLMSCHED_LIBRARY set."""

import gc
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent))

import llmsched  # noqa: E402
from llmsched import Kind  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"


def document(name):
    return (GOLDEN / f"plan.{name}.json").read_text(encoding="utf-8")


def recorded_case():
    """The case of tests/golden."""
    planner = llmsched.Planner()
    planner.read_cluster(document("cluster"))
    planner.read_models(document("models").encode())
    planner.read_apps(json.loads(document("apps")))
    return planner


def small_case(rate=1.0, gpus="1x2xh100-80g"):
    """One model, one configuration: prefill 0.1 s, then 0.02 s and a thousandth for each request a token."""
    planner = llmsched.Planner()
    planner.add_gpus(gpus)
    planner.add_model("chat", 60e9, kv_bytes_per_token=1e5, runtime_bytes=1e9)
    planner.add_config("chat", "h100-80g", max_batch=8, prefill=(0.1, 0.0), decode=(0.02, 0.001, 0.0))
    planner.add_app("ask", rate)
    planner.add_app_call(0, "chat", 1.0, prompt_tokens=500.0, output_tokens=50.0)
    return planner


def crowded_case():
    """Five models with twelve configurations each on six GPUs: more than one report of progress."""
    planner = llmsched.Planner()
    planner.add_gpus("1x6xh100-80g")
    for m in range(5):
        name, app = f"m{m}", planner.add_model(f"m{m}", (8 + 7 * m) * 1e9, kv_bytes_per_token=1e5, runtime_bytes=1e9)
        for tp in (1, 2, 4):
            for share in (0.3, 0.5, 0.7, 1.0):
                slow = (1 + 0.13 * m) / (tp**0.8 * share**0.6)
                planner.add_config(name, "h100-80g", tp=tp, share=share, max_batch=16,
                                   prefill=(0.02 * slow, 1e-4 * slow), decode=(0.01 * slow, 0.0005 * slow, 1e-8))
        planner.add_app(f"a{m}", 0.5 + 0.1 * m)
        planner.add_app_call(app, name, 1.0, prompt_tokens=500.0 + 50 * m, output_tokens=60.0)
    return planner


class InputsTest(unittest.TestCase):
    def test_cluster(self):
        with llmsched.Planner() as planner:
            planner.add_gpus("1x2xl4-24g")
            self.assertEqual(planner.add_gpu("mine", "h100-80g", "island", 8e10), 2)
            planner.read_cluster({"format": "llmsched-gpus-1", "gpus": [
                {"id": "theirs", "kind": "t4-16g", "domain": "d", "memory_bytes": 16e9}]})
            self.assertEqual(planner.gpus, [
                llmsched.Gpu("n0g0", "l4-24g", "n0", 24.0 * 2**30), llmsched.Gpu("n0g1", "l4-24g", "n0", 24.0 * 2**30),
                llmsched.Gpu("mine", "h100-80g", "island", 8e10), llmsched.Gpu("theirs", "t4-16g", "d", 16e9)])
            with self.assertRaises(llmsched.ExistsError):
                planner.add_gpu("mine", "h100-80g", "island", 8e10)
            with self.assertRaises(llmsched.InvalidError):
                planner.add_gpu("a\0b", "h100-80g", "island", 8e10)
            with self.assertRaises(llmsched.InvalidError):
                planner.add_gpu("more", "h100-80g", "island", float("nan"))
            with self.assertRaises(llmsched.Error):
                planner.add_gpus("8 of the best")
            self.assertEqual(len(planner.gpus), 4)

    def test_models_and_curves(self):
        with llmsched.Planner() as planner:
            self.assertEqual(planner.add_model("chat", 60e9, 1e5, 2e9, 1e9), 0)
            self.assertEqual(planner.add_config("chat", "h100-80g", tp=2, max_batch=8, share=0.5, bandwidth=0.25,
                                                prefill=(0.5, 0.25), decode=(1.0, 0.5, 0.125)), 0)
            self.assertEqual(planner.add_config(0, "l4-24g", max_batch=16, prefill_table=[(0, 1), (100, 3)],
                                                decode_table=[(2, 10, 4), (1, 10, 2), (1, 30, 6)]), 1)
            linear, table = planner.models[0].configs
            self.assertEqual(linear, llmsched.ModelConfig("h100-80g", 2, 8, 0.5, 0.25, (0.5, 0.25), (1.0, 0.5, 0.125),
                                                          (), ()))
            self.assertEqual((table.share, table.bandwidth, table.prefill_table, table.decode_table),
                             (1.0, 1.0, ((0, 1), (100, 3)), ((1, 10, 2), (1, 30, 6), (2, 10, 4))))
            self.assertEqual(planner.prefill_s("chat", 0, 10), 3.0)
            self.assertEqual(planner.decode_s("chat", 0, 4, 8), 7.0)
            self.assertEqual(planner.prefill_s(0, 1, 50), 2.0)
            self.assertEqual(planner.decode_s(0, 1, 1, 20), 4.0)
            self.assertEqual((planner.find_model("chat"), planner.find_model("nobody")), (0, None))
            with self.assertRaises(llmsched.NotFoundError):
                planner.add_config("nobody", "h100-80g")
            with self.assertRaises(llmsched.ExistsError):
                planner.add_config("chat", "l4-24g", max_batch=4)
            with self.assertRaises(llmsched.InvalidError):
                planner.add_config("chat", "t4-16g", max_batch=4, decode_table=[(1, 2)])
            with self.assertRaises(llmsched.NotFoundError):
                planner.decode_s("chat", 2, 1, 1)

    def test_apps(self):
        with small_case() as planner:
            graph = planner.add_app("graph", 2.0, weight=3.0, max_latency_s=30.0)
            self.assertEqual(planner.add_app_stage(graph, "look", duration_s=0.5), 0)
            self.assertEqual(planner.add_app_stage(graph, "say", "chat", parents=[0], tasks=2, probability=0.5,
                                                   prompt_tokens=100, output_tokens=10), 1)
            with self.assertRaises(llmsched.StateError):
                planner.add_app_call(graph, "chat", 1.0)
            with self.assertRaises(llmsched.NotFoundError):
                planner.add_app_stage(graph, "shout", "nobody")
            self.assertEqual(planner.apps, [llmsched.App("ask", 1.0, 1.0, None), llmsched.App("graph", 2.0, 3.0, 30.0)])
            with self.assertRaises(llmsched.ParseError):
                planner.read_apps("{")
            self.assertEqual(len(planner.apps), 2)

    def test_profile(self):
        with llmsched.Profiler("fan") as profiler:
            profiler.observe(llmsched.Run("fan", [llmsched.RunStage(Kind.LLM, "act", 2.0, prompt_tokens=500.0,
                                                                    output_tokens=50.0)]))
            profile = profiler.fit()
        with small_case() as asked, small_case() as learned:
            self.assertEqual(learned.add_profile(profile, 0.5, name="other"), 1)
            asked.add_app("other", 0.5)
            asked.add_app_call(1, "chat", 1.0, prompt_tokens=500.0, output_tokens=50.0)
            self.assertEqual(asked.plan().to_json(), learned.plan().to_json())
            learned.add_profile(profile, 0.5)
            self.assertEqual(learned.apps[2].name, "fan")
            profile.close()
            with self.assertRaises(llmsched.ClosedError):
                learned.add_profile(profile, 0.5)

    def test_close(self):
        planner = small_case()
        planner.close()
        planner.close()
        for use in (planner.plan, planner.menus, lambda: planner.gpus, lambda: planner.add_gpus("1x1xl4-24g"),
                    lambda: llmsched.Plan.from_json("{}", planner)):
            with self.assertRaises(llmsched.ClosedError):
                use()


class PlanTest(unittest.TestCase):
    def test_recorded_case(self):
        with recorded_case() as planner:
            lines = ["menus", planner.menus()]
            for method in llmsched.planners():
                lines += [method.name, planner.plan(method.name).to_json()]
            lines += ["too much", planner.plan(rate_factor=1000.0).to_json()]
        self.maxDiff = None
        self.assertEqual("\n".join(lines) + "\n", (GOLDEN / "plan.expected.txt").read_text(encoding="utf-8"))

    def test_reads_a_plan(self):
        with small_case() as planner:
            plan = planner.plan()
        self.assertTrue(plan.feasible)
        self.assertEqual((plan.reason, plan.lift, plan.autoscaler), ("", "", None))
        info = plan.info
        self.assertEqual((info.status, info.planner, info.replica_count, info.gpu_count, info.total_share),
                         (llmsched.PlanStatus.OPTIMAL, "llmsched", 2, 2, 2.0))
        model, = plan.models
        self.assertEqual((model.model, model.gpu, model.tp, model.config, model.replica_count, model.load_per_s),
                         ("chat", "h100-80g", 1, 0, 2, 1.0))
        self.assertEqual(plan.replicas, [llmsched.Replica(0, (0,)), llmsched.Replica(0, (1,))])
        app, = plan.apps
        self.assertEqual((app.name, app.latency_s), ("ask", info.objective_s))
        self.assertEqual([(gpu.id, gpu.replicas, gpu.used_share, gpu.used_bytes) for gpu in plan.gpus],
                         [("n0g0", 1, 1.0, model.memory_bytes), ("n0g1", 1, 1.0, model.memory_bytes)])
        executor = plan.executors[1]
        self.assertEqual((executor.kind, executor.model, executor.capacity, executor.price), (Kind.LLM, "chat", 8, 1.0))
        for batch, slowdown in executor.curve:
            self.assertAlmostEqual(slowdown, (0.02 + 0.001 * batch) / 0.021)
        self.assertEqual(executor.curve[-1][0], 8)

    def test_there_is_no_plan(self):
        with small_case(rate=1000.0) as planner:
            plan = planner.plan()
            self.assertFalse(plan.feasible)
            self.assertEqual(plan.info.status, llmsched.PlanStatus.INFEASIBLE)
            self.assertIn("chat", plan.reason)
            self.assertTrue(plan.lift)
            self.assertEqual((plan.models, plan.executors), ([], []))
            factor, best = planner.max_rate()
            self.assertTrue(0 < factor < 1 and best.feasible)
            self.assertEqual(planner.min_gpus()[0], 0)
        with small_case(gpus="1x4xh100-80g") as planner:
            count, fewest = planner.min_gpus()
            self.assertEqual((count, fewest.info.replica_count), (1, 1))
            self.assertTrue(planner.plan(rate_factor=3.0).feasible)
            self.assertFalse(planner.plan(rate_factor=3.0, utilisation=0.01).feasible)

    def test_rivals(self):
        names = [method.name for method in llmsched.planners()]
        self.assertEqual(names[0], "llmsched")
        self.assertTrue(all(method.summary for method in llmsched.planners()))
        with small_case() as planner:
            plan = planner.plan("k8s:target=0.5")
            self.assertEqual((plan.autoscaler.kind, plan.autoscaler.target), (llmsched.AutoscalerKind.HPA, 0.5))

    def test_what_runs_stays(self):
        with recorded_case() as planner:
            running = planner.plan(rate_factor=0.01, planner="best-manual")
            free = planner.plan(running=running)
            held = planner.plan(running=running, move_cost_s=1000.0)
            self.assertGreater(free.info.moved_replicas, held.info.moved_replicas)
            self.assertEqual(planner.plan(running=free).info.moved_replicas, 0)
            running.close()
            with self.assertRaises(llmsched.ClosedError):
                planner.plan(running=running)

    def test_json_round_trip(self):
        with recorded_case() as planner:
            text = planner.plan().to_json()
            again = llmsched.Plan.from_json(text, planner)
            self.assertEqual(again.to_json(), text)
            by_hand = llmsched.Plan.from_json({"format": "llmsched-plan-1", "models": [
                {"model": "embed", "tp": 1, "gpu": "l4-24g", "replicas": [{"gpus": ["small-1"]}]}]}, planner)
            self.assertEqual(by_hand.replicas, [llmsched.Replica(0, (5,))])
            with self.assertRaises(llmsched.ParseError):
                llmsched.Plan.from_json(text.replace("small-1", "small-7"), planner)
        self.assertEqual(again.models[0].model, "chat")  # the planner is closed

    def test_progress(self):
        told = []
        with recorded_case() as planner:
            plan = planner.plan(progress=lambda *numbers: told.append(numbers))
            self.assertEqual(plan.info.status, llmsched.PlanStatus.OPTIMAL)
            nodes, best, bound = told[0]
            self.assertTrue(nodes >= 1 and bound <= plan.info.objective_s <= best)

            def breaks(nodes, best, bound):
                raise KeyError("broken")

            for ask in (planner.plan, planner.max_rate, planner.min_gpus):
                with self.assertRaisesRegex(KeyError, "broken"):
                    ask(progress=breaks)
            self.assertEqual(best, float("inf"))
            with self.assertRaises(llmsched.CallbackError):
                planner.plan(progress=lambda *_: True)
        with crowded_case() as planner:
            stopped = planner.plan(progress=lambda _nodes, best, _bound: best < float("inf"))
            self.assertEqual(stopped.info.status, llmsched.PlanStatus.FEASIBLE)
            self.assertTrue(stopped.reason)

            def breaks_late(nodes, best, bound):
                if best < float("inf"):
                    raise KeyError("broken late")

            with self.assertRaisesRegex(KeyError, "broken late"):
                planner.plan(progress=breaks_late)
            plan = planner.plan()
            self.assertEqual(plan.info.status, llmsched.PlanStatus.OPTIMAL)
            self.assertGreater(plan.info.nodes, stopped.info.nodes)
            self.assertLessEqual(plan.info.objective_s, stopped.info.objective_s)
            self.assertEqual(planner.plan(node_budget=stopped.info.nodes).info.status, llmsched.PlanStatus.FEASIBLE)

    def test_errors(self):
        with small_case() as planner:
            with self.assertRaises(llmsched.NotFoundError):
                planner.plan("no such planner")
            with self.assertRaises(llmsched.InvalidError):
                planner.plan(rate_factor=float("nan"))
            with self.assertRaises(TypeError):
                planner.plan(speed=3)
            plan = planner.plan()
        with llmsched.Planner() as empty, self.assertRaises(llmsched.StateError):
            empty.plan()
        with self.assertRaises(TypeError):
            llmsched.Plan()
        plan.close()
        plan.close()
        for use in (plan.to_json, lambda: plan.info, lambda: plan.reason, lambda: plan.executors):
            with self.assertRaises(llmsched.ClosedError):
                use()


class StartTest(unittest.TestCase):
    def test_replicas_take_tasks(self):
        with small_case() as planner:
            plan = planner.plan()
        with llmsched.Scheduler("fcfs") as scheduler:
            plan.start(scheduler, 1.0, first=10)
            gc.collect()
            self.assertEqual(scheduler.stats().executors, 2)
            scheduler.job_arrived(1.0, 3)
            scheduler.stage_revealed(1.0, 3, 0, Kind.LLM, "answer", model="chat", tasks=20)
            decisions = list(scheduler.decisions(1.0))
            self.assertEqual(len(decisions), 16)
            self.assertEqual({d.executor for d in decisions}, {10, 11})
            with self.assertRaises(llmsched.ExistsError):
                plan.start(scheduler, 1.0, first=9)
            self.assertEqual(scheduler.stats().executors, 2)
            scheduler.executor_up(1.0, 40, *plan.executors[0])
            self.assertEqual(len(list(scheduler.decisions(1.0))), 4)
        with self.assertRaises(llmsched.ClosedError):
            plan.start(scheduler)
        plan.close()
        with llmsched.Scheduler() as scheduler, self.assertRaises(llmsched.ClosedError):
            plan.start(scheduler)

    def test_survives_the_collector(self):
        for _ in range(20):
            planner = small_case()
            plan = planner.plan(running=planner.plan(), progress=lambda *_: gc.collect() and False)
            del planner
            gc.collect()
            self.assertEqual(len(plan.executors), 2)


if __name__ == "__main__":
    unittest.main()
