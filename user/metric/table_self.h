/* SPDX-License-Identifier: Apache-2.0 */
/* kvmlens about itself. Rows as metric/table.h says. */
METRIC(BUILD, kvmlens_build_info, "kvmlens.build.info", GAUGE, U64, one, "info", BASIC, NONE,
       "kvmlens",
       "Always 1; its labels tell the version of kvmlens, the node and the default detail level.")
METRIC(SELF, kvmlens_uptime_seconds, "kvmlens.uptime_seconds", GAUGE, NS, uptime_ns, "seconds",
       BASIC, NONE, "kvmlens", "Time since kvmlens was started.")
METRIC(SELF, kvmlens_adopted, "kvmlens.adopted", GAUGE, U64, adopted, "bool", STANDARD, NONE,
       "kvmlens", "1 when this run took over the counters of an earlier one.")
METRIC(SELF, kvmlens_ticks_total, "kvmlens.ticks_total", COUNTER, U64, ticks, "count", BASIC, NONE,
       "kvmlens", "Snapshots taken.")
METRIC(SELF, kvmlens_tick_overruns_total, "kvmlens.tick.overruns_total", COUNTER, U64,
       tick_overruns, "count", BASIC, NONE, "kvmlens",
       "Snapshots that took longer than the interval.")
METRIC(SELF, kvmlens_tick_duration_seconds, "kvmlens.tick.duration_seconds", GAUGE, NS, tick_ns,
       "seconds", BASIC, NONE, "kvmlens", "Time that the last snapshot took.")
METRIC(SELF, kvmlens_tick_seconds_total, "kvmlens.tick.seconds_total", COUNTER, NS, tick_total_ns,
       "seconds", STANDARD, NONE, "kvmlens", "Time that all snapshots took.")
METRIC(SELF, kvmlens_cpu_seconds_total, "kvmlens.cpu.seconds_total", COUNTER, NS, cpu_ns, "seconds",
       BASIC, NONE, "kvmlens", "CPU time that kvmlens used.")
METRIC(SELF, kvmlens_memory_resident_bytes, "kvmlens.memory.resident_bytes", GAUGE, U64, rss_bytes,
       "bytes", BASIC, NONE, "kvmlens", "Resident memory of kvmlens.")
METRIC(SELF, kvmlens_bpf_map_bytes, "kvmlens.bpf.map_bytes", GAUGE, U64, bpf_bytes, "bytes", BASIC,
       NONE, "kvmlens", "Memory of the BPF maps of kvmlens.")
METRIC(SELF, kvmlens_threads_tracked, "kvmlens.threads.tracked", GAUGE, U64, threads_tracked,
       "count", BASIC, NONE, "kvmlens", "Threads of VMs that kvmlens follows.")
METRIC(SELF, kvmlens_threads_limit, "kvmlens.threads.limit", GAUGE, U64, threads_max, "count",
       STANDARD, NONE, "kvmlens", "Threads of VMs that kvmlens can follow.")
METRIC(SELF, kvmlens_threads_hidden, "kvmlens.threads.hidden", GAUGE, U64, hidden_threads, "count",
       BASIC, NONE, "kvmlens",
       "Threads of the host that /proc hides from kvmlens, which finds no VM among them: above 0 in a pid namespace of its own, and under hidepid.")
METRIC(SELF, kvmlens_stall_cpu_seconds_total, "kvmlens.stall.cpu_seconds_total", COUNTER, NS,
       stall_cpu_ns, "seconds", DETAILED, NONE, "kvmlens",
       "CPU time of the thread that watches for stalls.")
METRIC(SELF, kvmlens_discovery_scans_total, "kvmlens.discovery.scans_total", COUNTER, U64, scans,
       "count", STANDARD, NONE, "kvmlens", "Times that the whole host was searched for VMs.")
METRIC(SELF, kvmlens_descriptors_open, "kvmlens.descriptors.open", GAUGE, U64, descriptors, "count",
       BASIC, NONE, "kvmlens", "File descriptors that kvmlens has open.")
METRIC(SELF, kvmlens_descriptors_limit, "kvmlens.descriptors.limit", GAUGE, U64, descriptors_max,
       "count", BASIC, NONE, "kvmlens", "File descriptors that kvmlens may have open.")
METRIC(LOSS, kvmlens_lost_total, "kvmlens.lost_total", COUNTER, U64, count, "count", BASIC, NONE,
       "kvmlens", "Times that information was lost, by reason.")
METRIC(REFUSAL, kvmlens_refused_total, "kvmlens.refused_total", COUNTER, U64, count, "count", BASIC,
       NONE, "kvmlens",
       "Times that something was refused to an owner of VMM processes: more than its share, or "
       "what only a hostile process asks for.")
METRIC(FEATURE, kvmlens_feature, "kvmlens.feature", GAUGE, U64, ok, "bool", BASIC, NONE, "kvmlens",
       "1 where the kernel or a library lets kvmlens use this feature, 0 where a lesser source stands in.")
METRIC(PROVIDER, kvmlens_provider_up, "kvmlens.provider.up", GAUGE, U64, up, "bool", BASIC, NONE,
       "kvmlens", "1 while this provider of VMs answers.")
METRIC(PROVIDER, kvmlens_provider_age, "kvmlens.provider.age", GAUGE, DOUBLE, age, "seconds", BASIC,
       NONE, "kvmlens", "Time since the last answer of this provider.")
METRIC(PROVIDER, kvmlens_provider_vms, "kvmlens.provider.vms", GAUGE, U64, vms, "count", BASIC,
       NONE, "kvmlens", "VMs that this provider knows.")
METRIC(PROVIDER, kvmlens_provider_reconnects_total, "kvmlens.provider.reconnects_total", COUNTER,
       U64, reconnects, "count", BASIC, NONE, "kvmlens",
       "Times that this provider was opened anew.")
METRIC(PROVIDER, kvmlens_provider_overruns_total, "kvmlens.provider.overruns_total", COUNTER, U64,
       overruns, "count", BASIC, NONE, "kvmlens",
       "Calls of this provider that missed their deadline.")
METRIC(WEB, kvmlens_web_up, "kvmlens.web.up", GAUGE, U64, up, "bool", BASIC, NONE, "kvmlens",
       "1 while the process that serves /metrics answers.")
METRIC(WEB, kvmlens_web_restarts_total, "kvmlens.web.restarts_total", COUNTER, U64, restarts,
       "count", BASIC, NONE, "kvmlens",
       "Times that the process that serves /metrics had died or hung and was started anew.")
METRIC(WEB, kvmlens_web_requests_total, "kvmlens.web.requests_total", COUNTER, U64, requests,
       "count", BASIC, NONE, "kvmlens", "Requests that came in over HTTP.")
METRIC(WEB, kvmlens_web_refused_total, "kvmlens.web.refused_total", COUNTER, U64, refused, "count",
       BASIC, NONE, "kvmlens", "Requests and connections that were turned away.")
METRIC(WEB, kvmlens_web_unauthorized_total, "kvmlens.web.unauthorized_total", COUNTER, U64,
       unauthorized, "count", BASIC, NONE, "kvmlens", "Requests with a wrong name or password.")
METRIC(WEB, kvmlens_web_evicted_total, "kvmlens.web.evicted_total", COUNTER, U64, evicted, "count",
       BASIC, NONE, "kvmlens", "Connections that were closed for keeping others waiting.")
METRIC(WEB, kvmlens_web_pages_total, "kvmlens.web.pages_total", COUNTER, U64, pages, "count", BASIC,
       NONE, "kvmlens", "Pages rendered for the process that serves them.")
METRIC(WEB, kvmlens_web_queries_total, "kvmlens.web.queries_total", COUNTER, U64, queries, "count",
       BASIC, NONE, "kvmlens",
       "Questions to the history that came in over HTTP and were answered or turned away.")
METRIC(WEB, kvmlens_web_unsent_total, "kvmlens.web.unsent_total", COUNTER, U64, unsent, "count",
       BASIC, NONE, "kvmlens", "Pages that the process that serves them did not take.")
