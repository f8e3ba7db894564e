import JSON
import Testing

@testable import Mesh

@Suite("Settings of resilience")
struct ResilienceTests {
    private func reader(_ text: String) throws -> Reader {
        Reader(try Value(parsing: text), path: .key(.key(.root, "Proxy"), "Config"))
    }

    @Test("of an upstream are read under Consul's names, in the spelling of files")
    func upstream() throws {
        let settings = try UpstreamSettings(
            reader(
                """
                {"connect_timeout_ms": "700", "idle_timeout_ms": 5000.0, "max_lifetime_ms": 60000,
                 "max_lifetime_jitter_percent": 20, "end_with_certificate": true, "protocol": "tcp",
                 "limits": {"max_connections": 10, "max_pending_requests": 2, "max_concurrent_requests": 7,
                            "max_connects_per_second": 50, "connect_burst": 5},
                 "passive_health_check": {"interval": "10s", "max_failures": 3, "enforcing_consecutive_5xx": 0,
                                          "base_ejection_time": "2s", "max_ejection_percent": 30, "panic_percent": 40},
                 "balance": "maglev", "hash_on": "source_identity",
                 "retry": {"attempts": 2, "deadline_ms": 1500, "budget_percent": 10, "budget_min_per_second": 0}}
                """))
        #expect(settings.connectTimeout == 700_000_000 && settings.lifetimes.idleTimeout == 5_000_000_000)
        #expect(settings.lifetimes.longestLife == 60_000_000_000 && settings.lifetimes.lifeJitterPercent == 20)
        #expect(settings.lifetimes.endsWithCertificate == true)
        #expect(settings.limits == ConnectLimits(connections: 10, pending: 2, perSecond: 50, burst: 5))
        #expect(settings.policy == .maglev && settings.hashSource == .identity)
        #expect(
            settings.retry == RetryPolicy(attempts: 2, deadline: 1_500_000_000, budgetPercent: 10, budgetMinimum: 0))
        let policy = try #require(settings.outlier).applied(to: OutlierPolicy())
        #expect(
            policy == OutlierPolicy(failures: 3, rest: 2_000_000_000, ejectedPercent: 30, panicPercent: 40))
        #expect(settings.notes.count == 3)
        #expect(settings.notes.contains { $0.hasPrefix("Proxy.Config.limits.max_concurrent_requests") })
        #expect(settings.notes.contains { $0.contains("enforcing_consecutive_5xx") && $0.contains("no effect") })
    }

    @Test("are read in the spelling of config entries")
    func entries() throws {
        let settings = try UpstreamSettings(
            reader(
                """
                {"ConnectTimeoutMs": 900, "Limits": {"MaxConnections": 3, "MaxPendingRequests": -1},
                 "PassiveHealthCheck": {"Interval": 10000000000, "MaxFailures": 4}}
                """))
        #expect(settings.connectTimeout == 900_000_000 && settings.limits == ConnectLimits(connections: 3))
        #expect(settings.outlier?.failures == 4 && settings.notes.count == 1)
    }

    @Test("say how new instances begin, how far a zone reaches, and when one is too slow")
    func growth() throws {
        let settings = try UpstreamSettings(
            reader(
                """
                {"slow_start_config": {"slow_start_window": "30s", "aggression": 1.5, "min_weight_percent": 5},
                 "zone_aware_lb_config": {"meta_key": "topology", "min_cluster_size": 3, "overprovisioning_factor": 120,
                                          "routing_enabled": 100},
                 "passive_health_check": {"connect_latency_factor": 5, "connect_latency_floor": "2ms",
                                          "connect_latency_minimum_connects": 20}}
                """))
        #expect(settings.slowStart == SlowStart(window: 30_000_000_000, aggression: 1.5, minimumPercent: 5))
        let zones = try #require(settings.zones)
        #expect(zones.metaKey == "topology" && zones.zone == nil)
        #expect(
            zones.preference(for: "a")
                == ZonePreference(zone: BalanceHash.of("a"), minimumInstances: 3, overprovisionPercent: 120))
        #expect(
            settings.outlier?.applied(to: OutlierPolicy()).latency
                == LatencyPolicy(factor: 5, minimumConnects: 20, floor: 2_000_000))
        #expect(
            settings.notes
                == ["Proxy.Config.zone_aware_lb_config.routing_enabled is not known here and has no effect"])
        let entry = try UpstreamSettings(
            reader(
                #"{"SlowStartConfig": {"SlowStartWindow": "1m"}, "ZoneAwareLbConfig": {"Zone": "b"}, "Balance": "maglev"}"#
            ))
        #expect(entry.slowStart == SlowStart(window: 60_000_000_000) && entry.zones?.zone == "b")
        #expect(entry.notes.count == 2 && entry.notes.allSatisfy { $0.contains("has no effect beside") })
        let off = try UpstreamSettings(
            reader(
                #"{"slow_start_config": {"slow_start_window": 0}, "passive_health_check": {"connect_latency_factor": 0}}"#
            ))
        #expect(off.slowStart == nil && off.outlier?.latency == nil && off.hedge == nil)
        let watchful = OutlierPolicy(silence: SilencePolicy())
        #expect(off.outlier?.applied(to: watchful).silence == SilencePolicy())
        let silent = try UpstreamSettings(reader(#"{"passive_health_check": {"silence_factor": 0}}"#))
        #expect(silent.outlier?.applied(to: watchful) == OutlierPolicy())
        let quick = try UpstreamSettings(
            reader(#"{"passive_health_check": {"silence_factor": 4, "silence_floor": "200ms"}}"#))
        #expect(
            quick.outlier?.applied(to: OutlierPolicy()).silence == SilencePolicy(factor: 4, floor: 200_000_000))
        let hedged = try UpstreamSettings(reader(#"{"hedge_policy": {"min_delay_ms": 20, "max_delay_ms": 500}}"#))
        #expect(hedged.hedge == HedgePolicy(minimumDelay: 20_000_000, maximumDelay: 500_000_000))
        #expect(try UpstreamSettings(reader(#"{"hedge_policy": {}}"#)).hedge == HedgePolicy())
        let moved = try UpstreamSettings(reader(#"{"rebalance": {"idle_ms": 300, "max_per_second": 7}}"#))
        #expect(moved.rebalance == RebalancePolicy(idle: 300_000_000, perSecond: 7))
        #expect(try UpstreamSettings(reader(#"{"rebalance": {}}"#)).rebalance == RebalancePolicy())
        #expect(
            try UpstreamSettings(reader(#"{"hedge_policy": {"max_delay_ms": 3}}"#)).hedge
                == HedgePolicy(minimumDelay: 3_000_000, maximumDelay: 3_000_000))
    }

    @Test("of a listener are read, its callers' limits included")
    func inbound() throws {
        let settings = try InboundSettings(
            reader(
                """
                {"bind_port": 1, "local_connect_timeout_ms": 250, "handshake_timeout_ms": 3000,
                 "max_inbound_connections": 100, "limits": {"max_connections": 200},
                 "source_limits": {"max_connections": 5, "max_connects_per_second": 9},
                 "intention_deny_live": "drain", "intention_drain_ms": 10, "balance_inbound_connections":
                 "exact_balance", "envoy_stats_flush_interval": "x", "idle_timout_ms": 3, "local_request_timeout_ms": 5}
                """))
        #expect(settings.connectTimeout == 250_000_000 && settings.handshakeTimeout == 3_000_000_000)
        #expect(settings.limits == ConnectLimits(connections: 100))
        #expect(settings.sourceLimits == ConnectLimits(connections: 5, perSecond: 9))
        #expect(settings.denyLive == .drain(10_000_000))
        #expect(settings.notes.count == 3)
        #expect(settings.notes.contains { $0.hasPrefix("Proxy.Config.local_request_timeout_ms is about HTTP") })
        #expect(settings.notes.contains("Proxy.Config.idle_timout_ms is not known here and has no effect"))
    }

    @Test("that say nothing leave the defaults")
    func empty() throws {
        #expect(try UpstreamSettings(reader("{}")) == UpstreamSettings())
        #expect(try UpstreamSettings(reader("null")) == UpstreamSettings())
        #expect(try InboundSettings(reader("{}")) == InboundSettings())
        #expect(UpstreamSettings().limits.isUnlimited)
        #expect(try UpstreamSettings(reader(#"{"connect_timeout_ms": 0}"#)).connectTimeout == nil)
    }

    @Test(
        "that cannot be are refused with path and reason",
        arguments: [
            (#"{"connect_timeout_ms": -5}"#, "Proxy.Config.connect_timeout_ms: want integer from 0 to"),
            (#"{"idle_timeout_ms": "x"}"#, "Proxy.Config.idle_timeout_ms: want integer, have \"x\""),
            (#"{"idle_timeout_ms": -1}"#, "Proxy.Config.idle_timeout_ms: want integer from 0"),
            (#"{"max_lifetime_ms": 99999999999999}"#, "Proxy.Config.max_lifetime_ms: want integer from 0"),
            (#"{"limits": 3}"#, "Proxy.Config.limits: want object, have number"),
            (#"{"limits": {"max_connections": 1.5}}"#, "Proxy.Config.limits.max_connections: want integer"),
            (#"{"Limits": {"MaxConnections": true}}"#, "Proxy.Config.Limits.MaxConnections: want integer"),
            (#"{"limits": {"connect_burst": 5}}"#, "Proxy.Config.limits.connect_burst: want max_connects_per_second"),
            (#"{"balance": "best"}"#, "Proxy.Config.balance: want one of \"least_request\""),
            (#"{"hash_on": 3}"#, "Proxy.Config.hash_on: want string, have number"),
            (#"{"retry": {"attempts": 9}}"#, "Proxy.Config.retry.attempts: want integer from 1 to 8, have 9"),
            (
                #"{"passive_health_check": {"base_ejection_time": "soon"}}"#,
                "Proxy.Config.passive_health_check.base_ejection_time: want duration"
            ),
            (
                #"{"passive_health_check": {"base_ejection_time": "-1s"}}"#,
                "Proxy.Config.passive_health_check.base_ejection_time: want duration from 1ms to a year, have -1s"
            ),
            (
                #"{"passive_health_check": {"max_ejection_percent": 101}}"#,
                "Proxy.Config.passive_health_check.max_ejection_percent: want integer from 0 to 100, have 101"
            ),
            (
                #"{"slow_start_config": {"aggression": 1}}"#,
                "Proxy.Config.slow_start_config.slow_start_window: want duration such as \"30s\", have nothing"
            ),
            (
                #"{"slow_start_config": {"slow_start_window": "1s", "aggression": 0}}"#,
                "Proxy.Config.slow_start_config.aggression: want number from 0.01 to 100.0, have 0.0"
            ),
            (
                #"{"slow_start_config": {"slow_start_window": "1s", "min_weight_percent": 0}}"#,
                "Proxy.Config.slow_start_config.min_weight_percent: want integer from 1 to 100, have 0"
            ),
            (
                #"{"zone_aware_lb_config": {"overprovisioning_factor": 99}}"#,
                "Proxy.Config.zone_aware_lb_config.overprovisioning_factor: want integer from 100 to 1000, have 99"
            ),
            (
                #"{"rebalance": {"max_per_second": 0}}"#,
                "Proxy.Config.rebalance.max_per_second: want integer from 1 to 1000000, have 0"
            ),
            (
                #"{"hedge_policy": {"min_delay_ms": 9, "max_delay_ms": 3}}"#,
                "Proxy.Config.hedge_policy.max_delay_ms: want min_delay_ms or more, have 3"
            ),
            (#"{"zone_aware_lb_config": "a"}"#, "Proxy.Config.zone_aware_lb_config: want object, have string"),
            (
                #"{"passive_health_check": {"connect_latency_factor": 1}}"#,
                "Proxy.Config.passive_health_check.connect_latency_factor: want 0 for never, or 2 to 1000, have 1"
            ),
            (
                #"{"passive_health_check": {"silence_factor": 1}}"#,
                "Proxy.Config.passive_health_check.silence_factor: want 0 for never, or 2 to 1000, have 1"
            ),
            (
                #"{"passive_health_check": {"silence_floor": "0s"}}"#,
                "Proxy.Config.passive_health_check.silence_floor: want duration from 1ms"
            ),
            (
                #"{"passive_health_check": {"connect_latency_minimum_hosts": 2}}"#,
                "Proxy.Config.passive_health_check.connect_latency_minimum_hosts: want integer from 3 to 65535, have 2"
            ),
            (#"[]"#, "Proxy.Config: want object, have array"),
        ])
    func refused(text: String, reason: String) throws {
        let error = #expect(throws: TypeError.self) { try UpstreamSettings(reader(text)) }
        #expect(error?.description.hasPrefix(reason) == true, "\(error?.description ?? "")")
    }

    @Test("of a listener that cannot be are refused with path and reason")
    func inboundRefused() throws {
        let error = #expect(throws: TypeError.self) {
            try InboundSettings(reader(#"{"intention_deny_live": "maybe"}"#))
        }
        #expect(
            error?.description
                == #"Proxy.Config.intention_deny_live: want one of "cut", "drain", "keep", have "maybe""#)
        #expect(throws: TypeError.self) { try InboundSettings(reader(#"{"handshake_timeout_ms": -1}"#)) }
        #expect(throws: TypeError.self) { try InboundSettings(reader(#"{"source_limits": []}"#)) }
    }

    @Test("revoke certificates by serial number, in Consul's spelling or OpenSSL's")
    func revoked() throws {
        let settings = try InboundSettings(reader(#"{"RevokedSerials": ["0a:1B:2c", "00FF01", "7", "00:00:10"]}"#))
        for serial in ["0a:1b:2c", "ff:01", "07", "10"] { #expect(settings.revoked.contains(serial)) }
        for serial in ["", "0a", "1b:2c", "0a:1b:2c:00"] { #expect(!settings.revoked.contains(serial)) }
        #expect(settings.notes.isEmpty && !settings.revoked.isEmpty && InboundSettings().revoked.isEmpty)
    }

    @Test(
        "revoke nothing that is no serial number",
        arguments: [
            "", "0", "00:00", "0a:1", "a:b:c", "0a::1b", "xyz", "-1", "0a 1b", String(repeating: "ab", count: 21),
        ])
    func notRevoked(serial: String) {
        let error = #expect(throws: TypeError.self) {
            try InboundSettings(reader(#"{"revoked_serials": ["01", "\#(serial)"]}"#))
        }
        #expect(
            error?.description == #"Proxy.Config.revoked_serials[1]: want a certificate's serial number such as "#
                + #""0a:1b:2c", have "\#(serial)""#, "\(error?.description ?? "")")
    }
}
