# SPDX-License-Identifier: Apache-2.0
"""The Python package against the library: run with LLMSCHED_LIBRARY set."""

import ctypes
import gc
import os
import pathlib
import subprocess
import sys
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path.insert(0, str(HERE.parent))

import llmsched  # noqa: E402
from llmsched import Kind, _generated  # noqa: E402
from replay import replay  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
RUNS = ROOT / "examples" / "runs"


def small_dag():
    """plan -> {search, read} -> answer"""
    with llmsched.DagBuilder("assistant") as builder:
        plan = builder.add_stage("plan")
        search = builder.add_stage("search", Kind.REGULAR)
        read = builder.add_stage("read", Kind.REGULAR, tasks=3)
        answer = builder.add_stage("answer", model="judge")
        for parent, child in ((plan, search), (plan, read), (search, answer), (read, answer)):
            builder.add_edge(parent, child)
        return builder.freeze()


def run_of(work, rounds=1):
    stages = []
    for i in range(rounds):
        stages.append(llmsched.RunStage(Kind.LLM, "act", work, parents=(2 * i - 1,) if i else (), prompt_tokens=100.0))
        stages.append(llmsched.RunStage(Kind.REGULAR, "run", 0.5, parents=(2 * i,)))
    return llmsched.Run("agent", stages)


def small_profile():
    with llmsched.Profiler("agent", bins=3) as profiler:
        for i in range(40):
            profiler.observe(run_of(1.0 if i % 2 else 10.0, rounds=1 + i % 2))
        return profiler.fit()


class RefitTest(unittest.TestCase):
    def test_counts_what_came_since_the_fit(self):
        with llmsched.Profiler("agent", half_life=10.0) as profiler:
            for work in (1.0, 5.0):
                for _ in range(50):
                    profiler.observe(run_of(work))
                profile = profiler.refit()
            old = 2.0**-5 * (1 - 2.0**-5)
            new = 1 - 2.0**-5
            self.assertAlmostEqual(profile.summary().mean_llm_s, (old + 5 * new) / (old + new), places=12)
            run = run_of(1e9)
            run.stages[0].missing = llmsched.Missing.WORK
            profiler.observe(run)
            run = run_of(1e9)
            run.stages = run.stages[:1]
            run.stages[0].missing = llmsched.Missing.WORK
            run.truncated = True
            profiler.observe(run)
            self.assertLess(profiler.refit().summary().mean_llm_s, 5)


class DagTest(unittest.TestCase):
    def test_builds_and_reads_back(self):
        dag = small_dag()
        self.assertEqual(dag.name, "assistant")
        self.assertEqual([stage.id for stage in dag.stages], ["plan", "search", "read", "answer"])
        self.assertEqual(dag.stage(2).tasks, 3)
        self.assertEqual(dag.stage(3).model, "judge")
        self.assertIsNone(dag.stage(0).model)
        self.assertEqual(dag.parents(3), (1, 2))
        self.assertEqual(dag.children(0), (1, 2))
        self.assertEqual(dag.children(3), ())
        self.assertEqual(dag.order, (0, 1, 2, 3))
        self.assertEqual(dag.edge_count, 4)
        self.assertEqual(dag.find("read"), 2)
        self.assertIsNone(dag.find("nothing"))
        self.assertEqual(dag.find_occurrence(Kind.LLM, "answer"), 3)
        self.assertEqual(dag.critical_path([1, 5, 2, 1]), (7.0, (0, 1, 3)))

    def test_json_round_trip(self):
        text = small_dag().to_json()
        self.assertEqual(llmsched.Dag.from_json(text).to_json(), text)

    def test_candidates_and_loops(self):
        with llmsched.DagBuilder("planner") as builder:
            plan = builder.add_stage("plan")
            tools = builder.add_stage("tools", Kind.DYNAMIC)
            builder.add_edge(plan, tools)
            search = builder.add_stage("search", Kind.REGULAR)
            self.assertEqual(builder.add_candidate(tools, "with search", [search]), 0)
            self.assertEqual(builder.add_candidate(tools, "nothing", []), 1)
            act = builder.add_stage("act")
            self.assertEqual(builder.add_loop([act], 3), 4)
            dag = builder.freeze()
        self.assertEqual(dag.candidates(tools), [llmsched.Candidate("with search", (search,)),
                                                 llmsched.Candidate("nothing", ())])
        self.assertEqual(dag.stage(5).id, "act#3")
        self.assertEqual(dag.parents(5), (4,))

    def test_errors_are_exceptions(self):
        with llmsched.DagBuilder("x") as builder:
            a, b = builder.add_stage("a"), builder.add_stage("b")
            with self.assertRaises(llmsched.ExistsError):
                builder.add_stage("a")
            builder.add_edge(a, b)
            builder.add_edge(b, a)
            with self.assertRaises(llmsched.CycleError) as caught:
                builder.freeze()
        self.assertEqual(caught.exception.status, _generated.LLMSCHED_ERROR_CYCLE)
        self.assertIn("a", str(caught.exception))
        with self.assertRaises(llmsched.ParseError) as caught:
            llmsched.Dag.from_json('{\n"format": 1\n')
        self.assertGreaterEqual(caught.exception.line, 2)
        with self.assertRaises(llmsched.InvalidError):
            llmsched.DagBuilder("a\0b")
        with self.assertRaises(ValueError):
            small_dag().critical_path([1.0])

    def test_close(self):
        dag = small_dag()
        dag.close()
        dag.close()
        with self.assertRaises(llmsched.ClosedError):
            dag.name  # pylint: disable=pointless-statement
        with self.assertRaises(llmsched.ClosedError):
            with dag:
                pass


class ProfileTest(unittest.TestCase):
    def test_learns_saves_and_loads(self):
        profile = small_profile()
        self.assertEqual(profile.name, "agent")
        summary = profile.summary()
        self.assertEqual(summary.run_count, 40)
        self.assertAlmostEqual(summary.mean_llm_s, 6.0)
        self.assertEqual(summary.stage_count, len(profile.dag))
        again = llmsched.Profile.from_json(profile.to_json())
        self.assertEqual(again.to_json(), profile.to_json())
        first = profile.dag.find_occurrence(Kind.LLM, "act")
        stage = profile.stage(first)
        self.assertEqual(stage.presence, 1.0)
        self.assertEqual(sum(profile.bin(first, i).count for i in range(stage.bin_count)), 40)
        self.assertGreater(len(profile.network), 0)
        act = profile.class_of(Kind.LLM, "act")
        self.assertLess(act, profile.class_count)
        self.assertEqual(profile.find(Kind.LLM, act, 0), first)
        self.assertIsNone(profile.find(Kind.LLM, None, 0))
        self.assertIsNone(profile.class_of(Kind.LLM, "never seen"))
        self.assertAlmostEqual(profile.remainder(Kind.LLM, 0).mean_s, summary.mean_llm_s)

    def test_calls(self):
        with llmsched.Profiler("fan") as profiler:
            profiler.observe(llmsched.Run("fan", [
                llmsched.RunStage(Kind.LLM, "act", 2.0, model="m", prompt_tokens=100.0),
                llmsched.RunStage(Kind.LLM, "act", 4.0, model="m", prompt_tokens=200.0),
                llmsched.RunStage(Kind.LLM, "judge", 2.0, parents=(0, 1), tasks=2, output_tokens=10.0)]))
            profile = profiler.fit()
        self.assertEqual(profile.calls, [llmsched.Call(None, 2.0, 2.0, 2.0, 0.0, 5.0, 2.5, 1.0),
                                         llmsched.Call("m", 2.0, 1.5, 2.0, 150.0, 0.0, 150.0, 3.0)])

    def test_history(self):
        text = (RUNS / "tree_of_thoughts__tot.jsonl").read_bytes()
        with llmsched.History("tree_of_thoughts__tot", text) as history:
            self.assertEqual(len(history), text.count(b"\n"))
            run = history[0]
            self.assertEqual(run.app, "tree_of_thoughts__tot/tot_game24")
            self.assertEqual(run.stages[1].parents, (0,))
            self.assertGreater(run.stages[0].work_s, 0)
            with self.assertRaises(IndexError):
                history[len(history)]  # pylint: disable=pointless-statement
        with self.assertRaises(llmsched.ParseError) as caught:
            llmsched.History("x", text + b'{"app": 3}\n')
        self.assertEqual(caught.exception.line, text.count(b"\n") + 1)

    def test_quantifier(self):
        profile = small_profile()
        first = profile.dag.find_occurrence(Kind.LLM, "act")
        with llmsched.Quantifier(profile, seed=3) as quantifier:
            prior = quantifier.remaining(Kind.LLM)
            self.assertGreater(prior.hi_s, prior.lo_s)
            self.assertGreater(quantifier.variance(Kind.LLM), 0)
            low, high = quantifier.quantiles([0.1, 0.9], Kind.LLM)
            self.assertLess(low, high)
            whole = quantifier.distribution(Kind.LLM)
            self.assertEqual(whole.form, llmsched.Form.GRID)
            self.assertAlmostEqual(whole.mean_s, prior.mean_s)
            self.assertAlmostEqual(sum(whole.probabilities), 1)
            self.assertLessEqual(max(whole.values), prior.hi_s * 1.5)
            path = quantifier.path([0.5])
            self.assertEqual(path.form, llmsched.Form.POINTS)
            self.assertEqual(path.mean_s, quantifier.critical_path())
            evidence = [llmsched.Evidence() for _ in range(len(profile.dag))]
            evidence[first] = llmsched.Evidence(llmsched.State.PRESENT)
            quantifier.set_evidence(evidence)
            self.assertEqual(quantifier.stage(first).presence, 1.0)
            self.assertGreater(quantifier.reduction(first), 0)
            evidence[first] = llmsched.Evidence(llmsched.State.FINISHED, work_s=10.0)
            quantifier.set_evidence(evidence)
            self.assertEqual(quantifier.entropy(first), 0)
            with self.assertRaises(llmsched.InvalidError):
                quantifier.set_evidence(evidence[1:])

    def test_forecasts(self):
        profile = small_profile()
        with llmsched.Progress(profile) as progress, llmsched.Quantifier(profile) as quantifier:
            self.assertEqual(progress.reveal(Kind.LLM, "act", prompt_tokens=100.0), 0)
            self.assertEqual(progress.template_stage(0), profile.dag.find_occurrence(Kind.LLM, "act"))
            self.assertIsNone(progress.template_stage(1))
            progress.serve(0, 0.5)
            with self.assertRaises(llmsched.StateError):
                quantifier.forecast(Kind.LLM)
            quantifier.set_progress(progress)
            for method in llmsched.By:
                forecast = quantifier.forecast(Kind.LLM, method, [0.1, 0.9])
                self.assertGreater(forecast.mean_s, 1)
                self.assertLess(*forecast.quantiles)
            history = quantifier.forecast(Kind.LLM, llmsched.By.HISTORY, [0.5])
            self.assertEqual(history, llmsched.Forecast(profile.remainder(Kind.LLM, 0).mean_s,
                                                        (profile.remainder(Kind.LLM, 0).q50_s,)))
            with self.assertRaises(llmsched.InvalidError):
                quantifier.forecast(Kind.LLM, levels=[2])
            progress.end(0, 1.0, output_tokens=50)
            self.assertEqual(progress.reveal(Kind.REGULAR, "run"), 1)
            quantifier.set_progress(progress)  # short ones come again
            self.assertGreater(quantifier.forecast(Kind.LLM).mean_s, 0.2)
            with self.assertRaises(llmsched.NotFoundError):
                progress.end(0, 1.0)
            progress.end(1, 0.5)
            quantifier.set_progress(progress)
            self.assertEqual(quantifier.forecast(Kind.LLM, levels=[0.5]), llmsched.Forecast(0.0, (0.0,)))
            with self.assertRaises(llmsched.InvalidError):
                llmsched.Quantifier(small_profile()).set_progress(progress)
        with self.assertRaises(llmsched.ClosedError):
            progress.serve(0, 1.0)

    def test_learns_a_network_from_a_table(self):
        rows = [(0, 0), (1, 1), (0, 0), (1, 1), (0, 0), (1, 1), (None, 0), (1, 1)]
        with llmsched.Network.learn(rows, names=["a", "b"])[0] as network:
            self.assertEqual(network.parents(1), (0,))
            self.assertAlmostEqual(network.table(0)[0], (3 + 5) / (7 + 10))
            with llmsched.Inference(network) as exact:
                exact.set_state(1, 0)
                exact.set_likelihood(0, [0.5, 1.0])
                p, e, how = network.approximate({1: 0}, {0: [0.5, 1.0]}, samples=20000, seed=5)
                self.assertLess(abs(p[0][0] - exact.marginal(0)[0]), 4 * e[0][0])
                self.assertLess(abs(how.log_probability - exact.log_probability()),
                                4 * how.log_probability_error)
                self.assertEqual((p[1], e[1], how.samples), ((1.0, 0.0), (0.0, 0.0), 20000))
        backward, score = llmsched.Network.learn(rows, order=llmsched.network.c.LLMSCHED_ORDER_FREE,
                                                 score=llmsched.network.c.LLMSCHED_SCORE_BDEU, equivalent_size=1.0)
        self.assertEqual(backward.node_name(1), "1")
        self.assertLess(score, 0)
        with self.assertRaises(llmsched.InvalidError):
            llmsched.Network.learn([(0, None), (1, None)])
        with self.assertRaises(llmsched.InvalidError):
            llmsched.Network.learn([(0, 1), (1,)])

    def test_inference(self):
        text = """{"format":"llmsched-bn-1","name":"coin","nodes":[
            {"name":"a","states":["no","yes"],"parents":[],"cpt":[0.5,0.5]},
            {"name":"b","states":["no","yes"],"parents":["a"],"cpt":[1,0,0.25,0.75]}]}"""
        network = llmsched.Network.from_json(text)
        self.assertEqual(network.states(network.find("a")), ["no", "yes"])
        self.assertEqual(network.parents(1), (0,))
        self.assertEqual(network.table(1), (1.0, 0.0, 0.25, 0.75))
        with llmsched.Inference(network) as inference:
            self.assertAlmostEqual(inference.marginal(1)[1], 0.375)
            everything = inference.marginals()
            self.assertEqual([len(p) for p in everything], [len(network.states(i)) for i in range(len(network))])
            self.assertEqual(everything[1], inference.marginal(1))
            self.assertGreater(inference.bytes(), 8 * sum(len(network.states(node)) for node in range(len(network))))
            batch = inference.batch_marginals([[None] * len(network)] * 2)
            self.assertEqual(batch[0], batch[1])
            self.assertEqual(batch[0], everything)
            batch = inference.batch_marginals([[(0.0, 2.0), None], [0, 1], [1, None]])
            self.assertIsNone(batch[1])
            self.assertEqual(batch[0][0], (0.0, 1.0))
            self.assertAlmostEqual(batch[0][1][1], batch[2][1][1])
            for bad in ([[None]], [[None, (1.0, 1.0, 1.0)]], [[None, (0.0, 0.0)]], [[None, 2]]):
                with self.assertRaises(ValueError):
                    inference.batch_marginals(bad)
            self.assertAlmostEqual(sum(inference.joint([0, 1])), 1.0)
            self.assertGreater(inference.mutual_information(0, [1]), 0)
            inference.set_state(1, 1)
            self.assertAlmostEqual(inference.marginal(0)[1], 1.0)
            inference.set_state(0, 0)
            with self.assertRaises(llmsched.ImpossibleError):
                inference.log_probability()


class ShortestPrompt(llmsched.Policy):
    def __init__(self):
        self.views = []

    def key(self, view, job, stage):
        self.views.append(view)
        return view.stage(job, stage).prompt_tokens


class LastQueueFirst(llmsched.Policy):
    """Chooses the latest job."""

    def key(self, view, job, stage):
        return 0.0

    def choose(self, view, queue):
        ready = view.ready(queue)
        assert view.head(queue) in ready
        return llmsched.Choice(*ready[-1]) if view.queue(queue).running == 0 else None


def scheduler_with_jobs(policy, jobs=3, capacity=1):
    scheduler = llmsched.Scheduler(policy)
    scheduler.executor_up(0.0, 7, Kind.LLM, capacity)
    for job in range(jobs):
        scheduler.job_arrived(0.0, job)
        scheduler.stage_revealed(0.0, job, 0, Kind.LLM, "answer", prompt_tokens=100.0 * (jobs - job))
    return scheduler


class SchedulerTest(unittest.TestCase):
    def test_recorded_scenario(self):
        expected = (GOLDEN / "scenario.decisions.txt").read_text(encoding="utf-8")
        self.maxDiff = None
        self.assertEqual(replay(GOLDEN / "scenario.json", GOLDEN / "profile.json"), expected)

    def test_loop(self):
        with scheduler_with_jobs("fcfs") as scheduler:
            self.assertEqual(scheduler.next(0.0), llmsched.Decision(0, 0, 0, 7))
            self.assertIsNone(scheduler.next(0.0))
            scheduler.task_failed(1.0, 0, 0, 0)
            self.assertEqual(scheduler.next(1.0).job, 0)
            scheduler.task_finished(2.0, 0, 0, 0)
            scheduler.job_finished(2.0, 0)
            self.assertEqual([d.job for d in scheduler.decisions(2.0)], [1])
            self.assertEqual(scheduler.stats().jobs, 2)

    def test_errors(self):
        with self.assertRaises(llmsched.NotFoundError):
            llmsched.Scheduler("no such policy")
        with self.assertRaises(llmsched.InvalidError):
            llmsched.Scheduler("llmsched:epsilon=2")
        with scheduler_with_jobs("fcfs") as scheduler:
            with self.assertRaises(llmsched.ExistsError):
                scheduler.job_arrived(0.0, 1)
            with self.assertRaises(llmsched.NotFoundError):
                scheduler.job_finished(0.0, 99)
            with self.assertRaises(llmsched.Error):
                scheduler.next(float("nan"))
        with self.assertRaises(llmsched.ClosedError):
            scheduler.next(0.0)

    def test_policies_are_listed(self):
        names = [policy.name for policy in llmsched.policies()]
        self.assertIn("fcfs", names)
        self.assertIn("llmsched", names)
        self.assertTrue(all(policy.summary for policy in llmsched.policies()))

    def test_custom_key(self):
        policy = ShortestPrompt()
        with scheduler_with_jobs(policy) as scheduler:
            self.assertEqual(scheduler.next(0.0).job, 2)
        with self.assertRaises(llmsched.ClosedError):
            policy.views[0].now  # pylint: disable=pointless-statement

    def test_custom_choose(self):
        with scheduler_with_jobs(LastQueueFirst(), capacity=2) as scheduler:
            self.assertEqual([d.job for d in scheduler.decisions(0.0)], [2])

    def test_policy_sees_estimates(self):
        seen = []

        class Looks(llmsched.Policy):
            def key(self, view, job, stage):
                info = view.job(job)
                seen.append((view.estimate(job, Kind.LLM).mean_s, view.reduction(job, stage), info.profile.name,
                             view.job_count(), view.now, 0 <= view.random() < 1))
                return 0.0

        profile = small_profile()
        with llmsched.Scheduler(Looks()) as scheduler:
            scheduler.executor_up(0.0, 0, Kind.LLM)
            scheduler.job_arrived(0.0, 5, profile)
            profile.close()
            scheduler.stage_revealed(0.0, 5, 0, Kind.LLM, "act", prompt_tokens=100.0)
            self.assertEqual(scheduler.next(0.0).job, 5)
        mean, reduction, name, jobs, now, uniform = seen[-1]
        self.assertGreater(mean, 0)
        self.assertGreaterEqual(reduction, 0)
        self.assertEqual((name, jobs, now, uniform), ("agent", 1, 0.0, True))

    def test_policy_sees_executors_and_tenants(self):
        seen = []

        class Looks(llmsched.Policy):
            lazy = True

            def key(self, view, job, stage):
                seen.append(job)
                return 0.0

            def place(self, view, job, stage):
                return 8 if view.job(job).tenant == 3 else None

        with llmsched.Scheduler(Looks()) as scheduler:
            scheduler.executor_up(0.0, 7, Kind.LLM, 2, price=2.5)
            scheduler.executor_up(0.0, 8, Kind.LLM, 3)
            for job in range(2):
                scheduler.job_arrived(0.0, job, tenant=3 * job, weight=4.0)
                scheduler.stage_revealed(0.0, job, 0, Kind.LLM, "answer", tasks=2 - job)
            self.assertEqual([(d.job, d.executor) for d in scheduler.decisions(0.0)], [(0, 7), (0, 8), (1, 8)])
            self.assertEqual(seen, [])

    def test_view_of_executors_and_tenants(self):
        seen = []

        class Looks(llmsched.Policy):
            def key(self, view, job, stage):
                seen.append((view.executors(0), view.executor(7), view.executor(99), view.tenant(3), view.tenant(5)))
                return 0.0

        with llmsched.Scheduler(Looks()) as scheduler:
            scheduler.executor_up(0.0, 7, Kind.LLM, 2, price=2.5)
            scheduler.job_arrived(0.0, 1, tenant=3, weight=4.0)
            scheduler.stage_revealed(0.0, 1, 0, Kind.LLM, "answer")
            self.assertEqual(scheduler.next(0.0).job, 1)
            self.assertIsNone(scheduler.tenant(5))
            self.assertEqual((scheduler.tenant(3).running, scheduler.tenant(3).tag_s), (1, 2.5 / 4))
        executors, executor, none, tenant, nobody = seen[0]
        self.assertEqual((executors, none, nobody), ([7], None, None))
        self.assertEqual(executor, llmsched.ExecutorView(0, 2, 0, 2.5))
        self.assertEqual((tenant.jobs, tenant.weight, tenant.service_s), (1, 4.0, 0.0))

    def test_gittins_index(self):
        self.assertAlmostEqual(llmsched.gittins_index([1, 100], [1, 1]), 2)
        self.assertAlmostEqual(llmsched.gittins_index([1, 100], [1, 1], 1), 99)
        with self.assertRaises(llmsched.InvalidError):
            llmsched.gittins_index([2, 1], [1, 1])

    def test_exception_in_a_policy_comes_out(self):
        class Broken(llmsched.Policy):
            def key(self, view, job, stage):
                raise KeyError("broken")

        with scheduler_with_jobs(Broken()) as scheduler:
            with self.assertRaisesRegex(KeyError, "broken"):
                scheduler.next(0.0)

    def test_survives_the_collector(self):
        for _ in range(30):
            scheduler = scheduler_with_jobs(ShortestPrompt())
            gc.collect()
            self.assertEqual(scheduler.next(0.0).job, 2)
            del scheduler
        gc.collect()

    def test_threads_with_a_scheduler_each(self):
        profile, results = small_profile(), []

        def work():
            with llmsched.Scheduler("llmsched") as scheduler:
                scheduler.executor_up(0.0, 0, Kind.LLM, 2)
                for job in range(20):
                    scheduler.job_arrived(0.0, job, profile)
                    scheduler.stage_revealed(0.0, job, 0, Kind.LLM, "act", prompt_tokens=50.0 * job)
                results.append(list(scheduler.decisions(0.0)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 4)
        self.assertTrue(all(result == results[0] for result in results))


class LibraryTest(unittest.TestCase):
    def test_layout_is_that_of_c(self):
        text = subprocess.run(os.environ["LLMSCHED_LAYOUT"], check=True, capture_output=True, text=True).stdout
        structs = {struct.__name__: struct for struct in _generated.STRUCTS}
        facts = [line.split() for line in text.splitlines()]
        for what, name, *numbers in facts:
            numbers = [int(number) for number in numbers]
            if what == "constant":
                self.assertEqual([getattr(_generated, name)], numbers, name)
            elif what == "struct":
                self.assertEqual([ctypes.sizeof(structs[name])], numbers, name)
            else:
                struct, field = name.split(".")
                found = getattr(structs[struct], field)
                self.assertEqual([found.offset, found.size], numbers, name)
        self.assertEqual(sum(fact[0] == "struct" for fact in facts), len(structs))

    def test_missing_library_is_an_import_error(self):
        done = subprocess.run([sys.executable, "-c", "import llmsched"], capture_output=True, text=True, check=False,
                              cwd=HERE.parent, env={**os.environ, "LLMSCHED_LIBRARY": "/nowhere/lib.so"})
        self.assertIn("ImportError: cannot load libllmsched", done.stderr)

    def test_log_and_limits(self):
        with llmsched.Context(max_stages=2, log=lambda level, message: None) as context:
            with llmsched.DagBuilder("x", context) as builder:
                builder.add_stage("a")
                builder.add_stage("b")
                with self.assertRaises(llmsched.LimitError):
                    builder.add_stage("c")


if __name__ == "__main__":
    unittest.main()
