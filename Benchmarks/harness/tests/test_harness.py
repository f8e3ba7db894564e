"""Tests of what needs no proxy: configuration files, sums, verdicts and drawings.

PYTHONPATH=Benchmarks python3 -m unittest discover -s Benchmarks/harness/tests -t Benchmarks
"""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path
from types import SimpleNamespace

from harness import (candidates, catalog, charts, checks, estimate, faults, load, measures, mesh, micro, registry, render,
                     results, rivals, rows, runner, scale, shaping)
from harness.processes import Ports, StartFailure, Supervisor, is_listening


def row(samples, measure="bulk", bars=(), **more):
    record = {"name": "relay-x", "topology": "relay", "measure": measure, "title": "X <1>", "workers": 1, "resumed": True,
              "settings": {"streams": 1, "direction": "to"}, "samples": {}, "errors": {}, "bars": list(bars), **more}
    for name, numbers in samples.items():
        record["samples"][name] = [{"repetition": n, "cpu_s_per_gb": value} for n, value in enumerate(numbers)]
    return record


def data(*rows, **more):
    return {"format": 1, "started": "2026-01-02T03:04:05+00:00", "mode": "short", "seconds": 2, "repetitions": 3,
            "complete": True, "ended_because": "came to its end", "checks": [], "rows": list(rows), "candidates": [
                {"name": "warren", "status": "measured", "version": "1.0", "reason": ""},
                {"name": "envoy", "status": "missing", "version": "", "reason": "not found; get it"}],
            "machine": {"cpu": "CPU", "cores": 2, "memory_bytes": 2**34, "system": "Debian", "kernel": "6", "commit": "c" * 40,
                        "modified": False, "load_before": 0.1}, **more}


class Configuration(unittest.TestCase):
    def test_lines_of_other_kinds_of_run_go_and_indentation_stays(self):
        text = "a\n%tuned  b\n%!tuned    c\n%resumed d @X@\n"
        self.assertEqual(candidates.render(text, {"X": 7}, {"resumed"}), "a\n    c\n d 7\n")
        self.assertEqual(candidates.render(text, {"X": 7}, {"tuned"}), "a\n  b\n")

    def test_an_unknown_name_is_an_error(self):
        with self.assertRaisesRegex(KeyError, "NOPE"):
            candidates.render("@NOPE@", {}, set())

    def test_every_rival_file_renders_in_every_variant(self):
        site = candidates.Site(Path("/tmp/d"), None, None, ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"], 20000)
        for name, make in registry.PEERS.items():
            peer = make()
            if not isinstance(peer, rivals.Peer):
                continue
            for role in ("relay", "tunnel-up", "tunnel-pub"):
                if role.split("-")[0] not in peer.topologies:
                    continue
                source = candidates.RIVALS / f"{peer.program.removesuffix('4')}-{role}{peer.suffix}"
                for resumed in (True, False):
                    for targets, workers in ((1, 1), (2, 1), (3, "auto")):
                        variant = candidates.Variant(resumed=resumed, targets=targets, tuned=peer.tuned, workers=workers)
                        values = peer.replacements(site, role, "127.0.0.1:9", variant)
                        text = candidates.render(source.read_text(), values, variant.words())
                        self.assertNotIn("%", text, f"{name} {role}")
                        self.assertNotIn("rate-limit", text)
                        self.assertNotRegex(text, "@[A-Z]")


    def test_limits_reach_whoever_has_them(self):
        site = candidates.Site(Path("/tmp/d"), None, None, ["127.0.0.1:1"], 20000)
        for name, scope, line in (("nginx", "connection", "proxy_download_rate 700;"),
                                  ("haproxy", "connections", "rate-limit sessions 700")):
            peer = registry.PEERS[name]()
            variant = candidates.Variant(scope=scope, rate=700)
            text = candidates.render((candidates.RIVALS / f"{name}-relay{peer.suffix}").read_text(),
                                     peer.replacements(site, "relay", "127.0.0.1:9", variant), variant.words())
            self.assertIn(line, text)
        self.assertEqual(mesh.limits_of(candidates.Variant(scope="listener", rate=7)),
                         {"listener": {"bandwidth_in": 7, "bandwidth_out": 7}})
        self.assertEqual(mesh.limits_of(candidates.Variant(scope="connections", rate=7)), {"connections_per_second": 7})
        self.assertIsNone(mesh.limits_of(candidates.Variant()))


class Limits(unittest.TestCase):
    def test_what_is_let_through_is_held_against_what_was_set(self):
        found = {one.name: one for one in rows.rows() if one.measure == "shaped"}
        self.assertEqual(len(found), 10)
        self.assertTrue(all(one.bars for one in found.values()))
        self.assertEqual(shaping.wanted(found["relay-shaped-100"]), shaping.wanted(found["relay-shaped-each-100"]))
        self.assertAlmostEqual(shaping.off(97, 100), 3)
        self.assertAlmostEqual(shaping.off(103, 100), 3)

    def test_figures_of_both_deployments_are_told(self):
        class Bench:
            def run(self, deployment, groups, seconds, warmup):
                size = 2e9 if deployment.candidate == "free" else 1e9
                return {"watched": [{"pid": 5, "user_s": 0.25, "system_s": 0.25}],
                        "groups": [{"failures": 0, "bytes": size, "gbit_per_s": 0.79, "jain": 0.99}]}

        class Runs(candidates.Deployment):
            def pids(self, role=None):
                return [5]

        one = next(one for one in rows.rows() if one.name == "relay-shaped-1")
        figures = shaping.shaped(Bench(), one, Runs("held", ""), contextlib.nullcontext(Runs("free", "")))
        self.assertAlmostEqual(figures["cpu_s_per_gb"], 0.5)
        self.assertAlmostEqual(figures["cpu_unlimited_s_per_gb"], 0.25)
        self.assertAlmostEqual(figures["off_percent"], 1.25)


class Sums(unittest.TestCase):
    def test_ratio_is_paired_by_repetition(self):
        # Noise that doubles both sides of one repetition leaves the ratio alone.
        record = row({"warren": [1.0, 2.0, 1.0], "nginx": [2.0, 4.0, 2.0]})
        self.assertEqual(results.ratio(record, "warren", "nginx", "cpu_s_per_gb"), (0.5, 0.5, 0.5))

    def test_best_peer_is_neither_ours_nor_direct_nor_tuned(self):
        record = row({"warren": [1], "warren-attached": [1], "direct": [0.1], "floor-copy": [0.2], "nginx": [3], "envoy": [2],
                      "nginx-tuned": [1.5]})
        self.assertEqual(results.best_peer(record, "cpu_s_per_gb"), "envoy")
        self.assertEqual(results.best_peer(record, "cpu_s_per_gb", ("nginx", "nginx-tuned")), "nginx-tuned")

    def test_bars_are_judged_and_unmeasured_ones_are_not(self):
        bars = [{"figure": "cpu_s_per_gb", "ratio": 0.6, "limit": 0, "against": [], "candidate": "warren"},
                {"figure": "cpu_s_per_gb", "ratio": 0, "limit": 0.25, "against": [], "candidate": "warren"},
                {"figure": "cpu_s_per_gb", "ratio": 1, "limit": 0, "against": [], "candidate": "warren-attached"}]
        verdicts = results.judge(row({"warren": [0.3], "envoy": [0.6]}, bars=bars))
        self.assertEqual([verdict["met"] for verdict in verdicts], [True, False, None])
        self.assertIsNone(results.judge(row({"warren": [0.3]}, bars=bars))[0]["met"])

    def test_a_reference_named_by_a_bar_counts(self):
        bar = {"figure": "cpu_s_per_gb", "ratio": 1.05, "limit": 0, "against": ["floor-copy"], "candidate": "warren"}
        verdict = results.judge(row({"warren": [1.04], "floor-copy": [1.0], "nginx": [0.5]}, bars=[bar]))[0]
        self.assertEqual((verdict["peer"], verdict["met"]), ("floor-copy", True))

    def test_a_bar_may_look_at_another_row_or_ask_for_at_least(self):
        bars = [{"figure": "cpu_s_per_gb", "ratio": 1.3, "limit": 0, "against": [], "candidate": "warren", "beside": "alone"},
                {"figure": "cpu_s_per_gb", "ratio": 0, "limit": 0, "least": 0.95, "against": [], "candidate": "warren"}]
        busy = row({"warren": [1.4]}, bars=bars)
        alone = row({"warren": [1.0]}, name="alone")
        self.assertEqual([verdict["met"] for verdict in results.judge(busy, {"rows": [busy, alone]})], [False, True])
        self.assertIsNone(results.judge(busy, {"rows": [busy]})[0]["met"])

    def test_every_bar_names_rows_and_candidates_that_exist(self):
        table = {found.name: found for found in rows.rows()}
        self.assertEqual(set(rows.BARS) - set(table), set())
        for found in table.values():
            for bar in found.bars:
                self.assertTrue(not bar.beside or bar.beside in table, bar)
                self.assertEqual(sum(map(bool, (bar.limit, bar.least, bar.ratio))), 1, bar)
                present = {name for name, make in registry.PEERS.items() if estimate.takes_part(make(), found)}
                self.assertEqual(set(bar.against) - present, set(), f"{found.name}: {bar}")
                self.assertTrue(bar.candidate == "warren" or bar.candidate in found.extras, f"{found.name}: {bar}")

    def test_rows_that_are_lost_are_found_with_both_their_figures(self):
        record = {**row({"warren": [1.2], "envoy": [1.0]}), "name": "lost"}
        won = {**row({"warren": [0.9], "envoy": [1.0]}), "name": "won"}
        lost = results.defeats({"rows": [record, won]})
        self.assertEqual([(found["name"], figure, peer) for found, figure, peer, _ in lost],
                         [("lost", "cpu_s_per_gb", "envoy")])

    def test_the_full_run_keeps_within_forty_minutes_with_every_peer(self):
        class Everyone:
            def __init__(self, peer, name):
                self.name, self.topologies = name, peer.topologies
                self.is_main, self.is_whole = peer.is_main, peer.is_whole
        peers = [Everyone(make(), name) for name, make in registry.PEERS.items() if name != "consul"]
        ours = [registry.make(name, "/nowhere/warren") for name in ("warren", "warren-accelerated", "warren-attached")]
        seconds = estimate.estimate(rows.rows(), [*ours, *peers], 1.1, 3, with_checks=True, with_micro=True)
        self.assertLess(seconds, 39 * 60)
        self.assertGreater(seconds, 10 * 60)

    def test_a_generator_that_differs_is_told_and_one_without_a_judge_is_not(self):
        found = checks.apart([{"within": True}, {"within": False, "title": "x"}, {"error": "wrk is missing"}])
        self.assertEqual([check["title"] for check in found], ["x"])

    def test_micro_benchmarks_that_grow_make_curves(self):
        curves = render.micro_curves([{"name": "decide among 10", "ns": 5}, {"name": "decide among 1000", "ns": 6},
                                      {"name": "alone", "ns": 1}, {"name": "seen among 3", "ns": 1}])
        self.assertEqual(curves, {"decide": [(10, 5), (1000, 6)]})

    def test_spread_and_medians(self):
        record = row({"warren": [1, 2, 3]})
        self.assertEqual(results.median(record, "warren", "cpu_s_per_gb"), 2)
        self.assertEqual(results.spread(record, "warren", "cpu_s_per_gb"), 1)
        self.assertIsNone(results.median(record, "nginx", "cpu_s_per_gb"))

    def test_strace_summary_is_added_up_without_its_total(self):
        summary = ("% time     seconds  usecs/call     calls    errors syscall\n"
                   "------ ----------- ----------- --------- --------- ----------------\n"
                   " 98.89    0.090453         200       451           epoll_pwait2\n"
                   "  1.11    0.001016          28        36        12 splice\n"
                   "------ ----------- ----------- --------- --------- ----------------\n"
                   "100.00    0.091469         187       487        12 total\n")
        self.assertEqual(measures.count_calls(summary), 487)

    def test_answers_on_one_connection_are_told_apart(self):
        answers = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        status, body, rest = scale.split(answers)
        self.assertEqual((status, body), (200, b"hi"))
        self.assertEqual(scale.split(rest), (404, b"", b""))
        for end in range(len(answers) - len(rest)):
            self.assertIsNone(scale.split(answers[:end]))
        with self.assertRaises(load.LoadFailure):
            scale.split(b"HTTP/1.1 200 OK\r\n\r\n")

    def test_a_crowd_without_descriptors_says_what_to_raise(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        scale.allow_descriptors(8)
        if hard != resource.RLIM_INFINITY:
            with self.assertRaisesRegex(load.LoadFailure, "ulimit -Hn"):
                scale.allow_descriptors(hard + 1)

    def test_more_allocations_than_accepted_are_found_and_chance_is_not(self):
        def entry(name, count):
            return {"name": name, "allocations": count, "ns": 1, "unit": "x"}

        accepted = [entry("none", 0), entry("many", 2000), entry("gone", 1)]
        self.assertEqual(micro.more_allocations(accepted, [entry("none", 0.004), entry("many", 2030), entry("new", 9)]), [])
        worse = micro.more_allocations(accepted, [entry("none", 1), entry("many", 2100)])
        self.assertEqual([found["name"] for found, _ in worse], ["none", "many"])
        roughly = entry("many", 3900) | {"variation": 1}
        self.assertEqual(micro.more_allocations(accepted, [roughly]), [])
        self.assertEqual(len(micro.more_allocations(accepted, [roughly | {"allocations": 4100}])), 1)

    def test_catalog_names_are_unique_and_every_measure_has_figures(self):
        table = rows.rows()
        self.assertEqual(len({found.name for found in table}), len(table))
        for found in table:
            self.assertTrue(found.measure in runner.FRESH or found.measure in runner.SHARED or found.measure == "latency")
            for figure in catalog.SHOWN[found.measure] + tuple(bar.figure for bar in found.bars):
                self.assertIn(figure, catalog.FIGURES)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)

    def test_a_run_is_on_disk_after_each_sample_and_marked_until_it_ends(self):
        kept = results.Results(self.path / "r.json", {"started": "x", "machine": {}})
        found = rows.rows()[0]
        kept.sample(found, "warren", 0, {"cpu_s_per_gb": 0.123456789})
        on_disk = results.load(self.path / "r.json")
        self.assertFalse(on_disk["complete"])
        self.assertEqual(on_disk["rows"][0]["samples"]["warren"][0]["cpu_s_per_gb"], 0.123457)
        kept.finish("came to its end", True)
        self.assertTrue(results.load(self.path / "r.json")["complete"])

    def test_what_is_no_results_file_is_refused_with_its_name(self):
        for text in ("", "[]", "{}"):
            (self.path / "r.json").write_text(text)
            with self.assertRaisesRegex(ValueError, "r.json"):
                results.load(self.path / "r.json")

    def test_page_readme_and_charts(self):
        record = row({"warren": [0.3, 0.2, 0.25], "envoy": [0.6, 0.5, 0.55]})
        record["errors"] = {"nginx": ["did not\nstart"]}
        (self.path / "r.json").write_text(json.dumps(data(record, complete=False, ended_because="interrupted")))
        readme = self.path / "README.md"
        readme.write_text(f"before\n{render.BEGIN}\nold\n{render.END}\nafter\n")
        page = render.write(self.path / "r.json", readme).read_text()
        self.assertIn("**Partial: interrupted.**", page)
        self.assertIn("0.250 (40%)", page)
        self.assertIn("0.45x", page)
        self.assertIn("nginx: did not start", page)
        self.assertIn("**envoy** missing: not found; get it", page)
        text = readme.read_text()
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        self.assertNotIn("old", text)
        self.assertIn("r/relay-bulk.svg", text)
        for drawing in (self.path / "r").glob("*.svg"):
            xml.parse(drawing)

    def test_a_lost_row_is_named_with_its_remark(self):
        known = self.path / "remarks.md"
        known.write_text("# Remarks\n\n## relay-*\n\nThe kernel\nhas the rest.\n")
        lost = row({"warren": [1.2], "envoy": [1.0]})
        before, render.REMARKS = render.REMARKS, known
        self.addCleanup(setattr, render, "REMARKS", before)
        page = render.page(data(lost), "x")
        self.assertIn("## Where we lose", page)
        self.assertIn("**relay-x**", page)
        self.assertIn("1.20x). The kernel has the rest.", page)
        self.assertEqual(render.without_remark(data(lost)), [])
        known.write_text("")
        self.assertEqual(render.without_remark(data(lost)), ["relay-x"])

    def test_a_readme_without_markers_is_left_alone(self):
        readme = self.path / "README.md"
        readme.write_text("mine")
        (self.path / "r.json").write_text(json.dumps(data(row({"warren": [1]}))))
        with self.assertRaisesRegex(ValueError, "bench:begin"):
            render.write(self.path / "r.json", readme)
        self.assertEqual(readme.read_text(), "mine")

    def test_curves_are_xml_with_and_without_points(self):
        for series in ({}, {"warren": [(10, 1.0), (9000, 2.0)]}, {"a<b": [(10, 0.0)]}):
            xml.fromstring(charts.lines("T & <t>", "x", "u", series, list(series)))


class Mesh(unittest.TestCase):
    def test_definitions_are_those_of_either_consul(self):
        old = mesh.service("up", "up", 80, old=True, proxy_port=90, upstream=("pub", 91))["service"]
        self.assertEqual(old["connect"]["proxy"]["config"]["upstreams"],
                         [{"destination_name": "pub", "local_bind_port": 91}])
        new = mesh.service("pub", "pub2", 80, old=False, proxy_port=90, check="127.0.0.1:80")["service"]
        self.assertEqual(new["connect"], {"sidecar_service": {"port": 90, "proxy": {"upstreams": []}}})
        self.assertEqual(new["checks"][0]["tcp"], "127.0.0.1:80")

    def test_a_sidecar_is_known_by_what_its_agent_told_it(self):
        child = subprocess.Popen(["sleep", "30"], env={"PATH": os.environ["PATH"], "CONNECT_PROXY_ID": "up-proxy"})
        try:
            # The kernel shows a new program's environment a moment after its start.
            end = time.monotonic() + 5
            while not mesh.proxy_of(child.pid) and time.monotonic() < end:
                time.sleep(0.01)
            self.assertEqual(mesh.proxy_of(child.pid), "up-proxy")
            self.assertEqual(mesh.proxy_of(os.getpid()), "")
        finally:
            child.kill()
            child.wait()

    def test_traffic_of_an_agent_stands_apart(self):
        class One:
            def __init__(self, *pids):
                self.pids = lambda: list(pids)
        deployment = candidates.Deployment("warren", "x", {"agent": One(1), "up": One(2), "pub": One(3)})
        report = {"watched": [{"pid": pid, "user_s": pid, "system_s": 0} for pid in (1, 2, 3)]}
        figures = measures.per_unit(report, deployment, 1, measures.PER_REQUEST, 1)
        self.assertEqual((figures["cpu_us_per_request"], figures["cpu_agent_us_per_request"]), (5, 1))
        self.assertEqual(deployment.hops(), ["up", "pub"])

    def test_a_path_counts_its_ends_too(self):
        deployment = candidates.Deployment("warren", "x", {"relay": SimpleNamespace(pids=lambda: [2])})
        bench = measures.Bench("x", 1, None)
        bench.server_pid = 9
        told = {"interrupted": False, "generator_cpu_s": 0.5,
                "watched": [{"pid": 2, "user_s": 1, "system_s": 2}, {"pid": 9, "user_s": 0.25, "system_s": 4}]}
        asked = []
        runs, load.run = load.run, lambda *words, watch, **settings: asked.extend(watch) or told
        try:
            report = bench.run(deployment, [])
        finally:
            load.run = runs
        self.assertEqual(asked, [2, 9])
        figures = measures.per_unit(report, deployment, 2, measures.PER_GB, 1)
        self.assertEqual((figures["cpu_s_per_gb"], figures["cpu_path_s_per_gb"]), (1.5, 3.875))
        self.assertEqual(measures.per_unit(report, candidates.Deployment("direct", "x"), 2, measures.PER_GB, 1), {})

    def test_a_connection_is_new_by_its_addresses_or_by_their_being_taken_again(self):
        before = {("a", "v"): faults.OPEN, ("b", "v"): 5000, ("c", "v"): 300}
        self.assertFalse(faults.has_come(before, {("a", "v"): 6000, ("b", "v"): 4900}))
        self.assertFalse(faults.has_come(before, {}))
        self.assertTrue(faults.has_come(before, {("d", "v"): faults.OPEN}))
        self.assertTrue(faults.has_come(before, {("b", "v"): faults.OPEN}))
        self.assertTrue(faults.has_come(before, {("c", "v"): 6000}))

    def test_connections_to_a_port_are_read_off_the_kernels_table(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            victim = faults.Victim(SimpleNamespace(words=[f"-listen=127.0.0.1:{port}"]), None)
            self.assertEqual(victim.clients(), {})
            with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as end:
                self.assertEqual(set(victim.clients().values()), {faults.OPEN})
                self.assertEqual(len(victim.clients()), 2)
                # Who closes first keeps it.
                end.close()
                client.recv(1)
            self.assertEqual([kept > 0 for kept in victim.clients().values()], [True])

    def test_the_last_trouble_counts_from_the_fault_on(self):
        group = {"failure_times": [{"planned_ns": 5}], "slow": [{"planned_ns": 20}, {"planned_ns": 3}]}
        self.assertEqual(faults.last_trouble(group, 10), 20)
        self.assertEqual(faults.last_trouble(group, 30), 30)


class Processes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.supervisor = Supervisor(self.folder.name)
        self.addCleanup(self.supervisor.stop_all)

    LISTENER = ("import socket,sys,time,os\ns=socket.socket();s.bind(('127.0.0.1',int(sys.argv[1])));s.listen()\n"
                "child=os.fork()\ntime.sleep(60)")

    def test_waits_until_it_listens_and_stops_workers_too(self):
        port = Ports(first=26000).take()
        process = self.supervisor.start([sys.executable, "-c", self.LISTENER, port], "listener")
        process.wait_listening(port)
        end = time.monotonic() + 5
        while len(process.pids()) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        pids = process.pids()
        self.assertEqual(len(pids), 2)
        self.supervisor.stop_all()
        end = time.monotonic() + 5
        while is_listening(port) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(is_listening(port))

    def test_a_program_that_ends_says_why(self):
        process = self.supervisor.start([sys.executable, "-c", "print('no such key'); raise SystemExit(3)"], "bad")
        with self.assertRaisesRegex(StartFailure, "status 3(.|\n)*no such key"):
            process.wait_listening(1)

    def test_a_missing_program_is_named(self):
        with self.assertRaisesRegex(StartFailure, "/no/such"):
            self.supervisor.start(["/no/such"], "missing")

    def test_an_interpreter_in_front_of_envoy_is_not_taken_for_it(self):
        folder = Path(self.folder.name)
        (folder / "shim").write_text("#!/bin/sh\n")
        (folder / "program").write_bytes(b"\x7fELF")
        self.assertTrue(rivals.is_script(folder / "shim"))
        self.assertFalse(rivals.is_script(folder / "program"))

    def test_the_floor_carries_every_byte_both_ways(self):
        import shutil
        import socket
        import threading
        compiler = shutil.which("clang") or shutil.which("cc")
        if not compiler:
            self.skipTest("no C compiler")
        program = Path(self.folder.name) / "floor"
        source = Path(candidates.RIVALS).parent / "Sources/warren-floor/main.c"
        subprocess.run([compiler, "-O1", str(source), "-o", str(program)], check=True)
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        listener.settimeout(10)

        def echo():
            with listener.accept()[0] as end:
                end.settimeout(10)
                while piece := end.recv(1 << 16):
                    end.sendall(piece)

        for path in ("copy", "splice"):
            port = Ports(first=26200).take()
            relay = self.supervisor.start([program, path, port, listener.getsockname()[1]], "floor")
            relay.wait_listening(port)
            echoing = threading.Thread(target=echo)
            echoing.start()
            sent = os.urandom(3_000_000)
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                def send():
                    client.sendall(sent)
                    client.shutdown(socket.SHUT_WR)
                sending = threading.Thread(target=send)
                sending.start()
                heard = b""
                while piece := client.recv(1 << 20):
                    heard += piece
                sending.join(10)
            echoing.join(10)
            self.assertEqual(heard, sent, path)
            self.supervisor.stop(relay)

    def test_ports_in_use_are_passed_over(self):
        import socket
        ports = Ports(first=26100)
        taken = ports.take()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", taken))
            holder.listen()
            self.assertNotEqual(Ports(first=taken).take(), taken)

    def test_a_worker_that_outlives_its_master_is_stopped(self):
        master = self.supervisor.start(["sh", "-c", "sleep 60 & echo $!"], "master")
        master.popen.wait(10)
        worker = int(master.log.read_text())
        self.assertTrue(os.path.exists(f"/proc/{worker}"))
        self.supervisor.stop(master)
        deadline = time.monotonic() + 10
        while os.path.exists(f"/proc/{worker}"):
            self.assertLess(time.monotonic(), deadline, "the worker goes on")
            time.sleep(0.02)

    def test_what_a_killed_harness_started_dies_with_it(self):
        code = ("import sys,time\nfrom harness.processes import Supervisor\n"
                f"s=Supervisor({self.folder.name!r})\n"
                "p=s.start(['sleep','60'],'sleep');print(p.pid,flush=True);time.sleep(60)")
        harness = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        pid = int(harness.stdout.readline())
        harness.kill()
        harness.wait()
        harness.stdout.close()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                return
            if state == "Z":
                return
            time.sleep(0.02)
        os.kill(pid, 9)
        self.fail("the child outlived its harness")


if __name__ == "__main__":
    unittest.main()
