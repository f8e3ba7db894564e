import JSON
import Mesh
import Testing

@testable import Agent

@Suite struct ConfigurationTests {
    func read(
        _ files: [String], flags: (inout ConfigurationFlags) -> Void = { _ in }
    ) throws(ConfigurationError) -> Configuration {
        var settings = ConfigurationFlags()
        settings.isDev = true
        flags(&settings)
        let read = files.enumerated().map { ConfigurationFile(name: "cfg/\($0 + 1).json", bytes: Array($1.utf8)) }
        return try Configuration.read(files: read, flags: settings, hostName: "node1")
    }

    /// What a real agent said to the same file, but for the place, which ours adds.
    @Test(arguments: [
        (#"{"service": "#, "failed to parse cfg/1.json: unexpected end of JSON input (line 1, column 13)"),
        (#"{"bogus": 1}"#, "failed to parse cfg/1.json: 1 error occurred:\n\t* invalid config key bogus\n\n"),
        (
            #"{"service": {"name":"a","bogus":1}}"#,
            "failed to parse cfg/1.json: 1 error occurred:\n\t* invalid config key service.bogus\n\n"
        ),
        (
            #"{"service": {"Name":"a","Port":80,"EnableTagOverride":true}}"#,
            "failed to parse cfg/1.json: 1 error occurred:\n\t* invalid config key service.EnableTagOverride\n\n"
        ),
        (
            #"{"service": {"name":"a","port":"80"}}"#,
            "failed to parse cfg/1.json: 1 error(s) decoding:\n\n* 'service.port' expected type 'int', got unconvertible type 'string'"
        ),
        (
            #"{"service": {"name":"a","check":{"ttl":"x"}}}"#,
            "failed to parse cfg/1.json: 1 error occurred:\n\t* service.check.ttl: invalid duration: \"x\": time: invalid duration \"x\"\n\n"
        ),
        (#"{"datacenter":"DC 1"}"#, "datacenter cannot be \"dc 1\". Please use only [a-z0-9-_]."),
        (#"{"connect":{"ca_provider":"bogus"}}"#, "bogus is not a valid CA provider"),
        (
            #"{"ports":{"proxy_min_port":30000,"proxy_max_port":20000}}"#,
            "proxy_min_port must be less than proxy_max_port. To disable, set both to zero."
        ),
        (
            #"{"service": {"name":"a","meta":{"bad key!":"x"}}}"#,
            "1 error occurred:\n\t* invalid meta for service a: Couldn't load metadata pair ('bad key!', 'x'): Key contains invalid characters\n\n"
        ),
        (
            #"{"watches":[{"type":"nodes","args":["x"]},{"type":"key","key":"a","args":["x"]}]}"#,
            "failed to parse cfg/1.json: watches[1]: type \"key\" cannot be watched: Warren has neither a key-value store nor events"
        ),
        (
            #"{"watches":[{"type":"bogus","args":["x"]}]}"#,
            "failed to parse cfg/1.json: watches[0]: Unsupported watch type: bogus"
        ),
        (
            #"{"watches":[{"type":"nodes"}]}"#,
            "failed to parse cfg/1.json: watches[0]: a handler is missing: give \"args\""
        ),
        (
            #"{"watches":[{"type":"nodes","handler_type":"http"}]}"#,
            "failed to parse cfg/1.json: watches[0]: handler type \"http\" needs \"http_handler_config\""
        ),
        (
            #"{"watches":[{"type":"nodes","args":["x"],"bogus":1}]}"#,
            "failed to parse cfg/1.json: 1 error occurred:\n\t* invalid config key watches[0].bogus\n\n"
        ),
        (
            #"{"log_rotate_duration":"-1s"}"#,
            "failed to parse cfg/1.json: log_rotate_duration: cannot be negative"
        ),
        (
            #"{"log_rotate_max_files":-2}"#,
            "failed to parse cfg/1.json: log_rotate_max_files: cannot be negative"
        ),
        (#"{"bind_addr":"notanip"}"#, "failed to parse cfg/1.json: bind_addr: \"notanip\" is no IP address"),
        (
            #"{"client_addr":"127.0.0.1 nowhere"}"#,
            "failed to parse cfg/1.json: client_addr: \"nowhere\" is neither an IP address nor a unix:// path"
        ),
        (#"{"advertise_addr_ipv4":"::1"}"#, "failed to parse cfg/1.json: advertise_addr_ipv4: want an IPv4 address"),
        (#"{"domain":"a..b"}"#, "failed to parse cfg/1.json: domain: \"a..b\" has an empty label"),
        (
            #"{"connect":{"ca_config":{"leaf_cert_ttl":"1s"}}}"#,
            "failed to parse cfg/1.json: connect.ca_config: leaf_cert_ttl: leaf cert TTL must be between 1h and 8760h"
        ),
        (
            #"{"connect":{"ca_config":{"LeafCertTTL":5}}}"#,
            "failed to parse cfg/1.json: connect.ca_config: LeafCertTTL: LeafCertTTL must be a duration such as \"72h\""
        ),
        (
            #"{"connect":{"ca_config":{"leaf_ttl":"72h"}}}"#,
            "failed to parse cfg/1.json: connect.ca_config: leaf_ttl: there is no such setting"
        ),
        (
            #"{"connect":{"ca_config":{"csr_max_per_second":"many"}}}"#,
            "failed to parse cfg/1.json: connect.ca_config: csr_max_per_second: CSRMaxPerSecond must be a number from 0, which is no limit"
        ),
        (
            #"{"http_config":{"allow_write_http_from":["10.0.0.0"]}}"#,
            "failed to parse cfg/1.json: http_config.allow_write_http_from: \"10.0.0.0\" is no network such as \"10.0.0.0/8\""
        ),
        (
            #"{"unix_sockets":{"mode":"rw"}}"#,
            "failed to parse cfg/1.json: unix_sockets.mode: \"rw\" is no file mode such as \"0600\""
        ),
        (#"{"advertise_addr":"0.0.0.0"}"#, "Advertise address cannot be 0.0.0.0, :: or [::]"),
        (#"{"log_level":"loud"}"#, "Invalid log level: LOUD. Valid log levels are: TRACE, DEBUG, INFO, WARN, ERR"),
        (
            #"{"ports":{"http":"8500"}}"#,
            "failed to parse cfg/1.json: 1 error(s) decoding:\n\n* 'ports.http' expected type 'int', got unconvertible type 'string'"
        ),
        (
            #"{"ports":{"htp":1},"dns_config":{"x":1}}"#,
            "failed to parse cfg/1.json: 2 errors occurred:\n\t* invalid config key ports.htp\n\t* invalid config key dns_config.x\n\n"
        ),
        (
            #"{"datacenter":"a","datacenter":"b"}"#,
            "failed to parse cfg/1.json: key \"datacenter\" stands twice in one object (line 1, column 19)"
        ),
        (
            #"{"bind_addr":"{{ GetPrivateIP }}"}"#,
            "bind_addr: address templates are not evaluated here; write the address itself"
        ),
        (
            "[]",
            "failed to parse cfg/1.json: 1 error(s) decoding:\n\n* '' expected type 'map[string]interface {}', got unconvertible type 'array'"
        ),
    ])
    func refuses(file: String, sentence: String) {
        let error = #expect(throws: ConfigurationError.self) { () throws(ConfigurationError) in try read([file]) }
        #expect(error?.description == sentence)
    }

    /// Errors that a real agent found only while starting.
    @Test(
        arguments: [
            (#"{"service": {"port":1}}"#, "Failed to register service \"\": Service name missing"),
            (
                #"{"service": {"name":"a","check":{"name":"c"}}}"#,
                "Failed to validate checks for service \"a\": TTL must be > 0 for TTL checks"
            ),
            (
                #"{"service": {"name":"a","port":1,"connect":{"proxy":{"exec_mode":"bogus"}}}}"#,
                "Failed to register service \"a\": invalid exec mode: bogus"
            ),
            (
                #"{"service": {"name":"a","connect":{"proxy":{}}}}"#,
                "Failed to register service \"a\": 1 error occurred:\n\t* Services with a Connect managed proxy must have a port set\n\n"
            ),
            (
                #"{"check": {"name":"c","ttl":"1s","service_id":"nope"}}"#,
                "Failed to register check 'c': ServiceID \"nope\" does not exist"
            ),
            (#"{"acl":{"enabled":true,"static_tokens":[{"token":"t","rules":"nonsense"}]}}"#, nil),
        ] as [(String, String?)])
    func refusesToStart(file: String, sentence: String?) {
        let error = #expect(throws: AgentCore.StartError.self) { try TestAgent(file) }
        if let sentence { #expect(error?.description == sentence) }
    }

    @Test func everyFormOfAServiceIsTaken() throws {
        let configuration = try read([
            #"{"service":{"name":"a","port":1,"connect":{"native":true}}}"#,
            #"{"services":[{"name":"b","id":"b1","tags":["x"],"meta":{"k":"v"},"weights":{"passing":2,"warning":1},"checks":[{"ttl":"10s"},{"tcp":"127.0.0.1:1","interval":"10s"}]},{"name":"c","port":2,"connect":{"sidecar_service":{}}}]}"#,
            #"{"service":{"kind":"connect-proxy","name":"p","port":3,"proxy":{"destination_service_name":"a","upstreams":[{"destination_name":"b","local_bind_port":5}]}}}"#,
            #"{"service":{"kind":"connect-proxy","name":"old","port":4,"proxy_destination":"a"}}"#,
            #"{"services":{"name":"single","port":6},"check":{"id":"n","name":"n","ScriptArgs":["true"],"interval":"1m"}}"#,
        ])
        #expect(configuration.services.map(\.name) == ["a", "b", "c", "p", "old", "single"])
        #expect(configuration.services[0].isNative)
        #expect(configuration.services[1].checks.map(\.type) == [.ttl, .tcp])
        #expect(configuration.services[2].sidecar.count == 1)
        #expect(configuration.services[4].proxy?.destinationServiceName == "a")
        #expect(configuration.checks[0].args == ["true"])
    }

    /// The recorded merge of three files, a folder's order and flags.
    @Test func filesMergeAsConsulMergesThem() throws {
        let configuration = try read(
            [
                #"{"service":{"name":"a","port":1},"datacenter":"dca","node_meta":{"x":"1","y":"1"},"recursors":["127.0.0.9"],"ports":{"http":1}}"#,
                #"{"service":{"name":"a","port":2},"datacenter":"dcb","node_meta":{"y":"2"},"recursors":["127.0.0.8"],"ports":{"dns":2}}"#,
            ],
            flags: {
                $0.nodeMeta = ["z:9"]
                $0.recursors = ["127.0.0.7"]
            })
        #expect(configuration.datacenter == "dcb")
        #expect(configuration.nodeMeta == ["x": "1", "y": "2", "z": "9"])
        #expect(configuration.recursors == ["127.0.0.7", "127.0.0.9", "127.0.0.8"])
        #expect(configuration.ports.http == 1)
        #expect(configuration.ports.dns == 2)
        let agent = try TestAgent(
            #"{"service":{"name":"a","port":1}}"#, #"{"service":{"name":"a","port":2}}"#)
        #expect(try agent.ask("GET", "/v1/agent/services").json["a"]?["Port"] == 2)
    }

    @Test func flagsCountOverFilesAndFragmentsOverFlags() throws {
        let configuration = try read([#"{"datacenter":"file","node_name":"file","log_level":"WARN"}"#]) {
            $0.datacenter = "flag"
            $0.node = "flag"
            $0.fragments = [#"{"datacenter":"fragment"}"#]
        }
        #expect(configuration.datacenter == "fragment")
        #expect(configuration.nodeName == "flag")
        #expect(configuration.logLevel == "WARN")
    }

    @Test func logFilesAndWatchesAreRead() throws {
        let configuration = try read([
            #"{"log_file":"/var/log/","log_rotate_bytes":10,"log_rotate_duration":"1h","log_rotate_max_files":-1}"#,
            #"""
            {"watches": [
              {"type": "service", "service": "a", "tag": ["x", "y"], "passingonly": true, "token": "t", "args": ["p", "q"]},
              {"type": "checks", "handler": "a | b"},
              {"type": "agent_service", "service_id": "i", "handler_type": "http", "http_handler_config": {
                "path": "https://h/", "header": {"k": ["v"]}, "timeout": "3s", "tls_skip_verify": true}}
            ]}
            """#,
        ])
        #expect(configuration.logFile.path == "/var/log/" && configuration.logFile.rotateBytes == 10)
        #expect(configuration.logFile.rotateDuration == .seconds(3600) && configuration.logFile.maxFiles == -1)
        var first = WatchDefinition(.service("a", tags: ["x", "y"], passingOnly: true), .program(["p", "q"]))
        first.token = "t"
        #expect(
            configuration.watches == [
                first, WatchDefinition(.checks(service: "", state: "any"), .program(["/bin/sh", "-c", "a | b"])),
                WatchDefinition(
                    .agentService(id: "i"),
                    .http(
                        url: "https://h/", method: "POST", header: ["k": ["v"]], timeout: .seconds(3), skipVerify: true)
                ),
            ])
        #expect(configuration.remarks.isEmpty)
    }

    @Test func keysWithoutEffectAreTakenWithARemark() throws {
        let configuration = try read([
            #"{"performance":{"raft_multiplier":1},"encrypt":"x","retry_join":["a"],"gossip_lan":{"a":1},"Ports":{"HTTP":9},"telemetry":{"disable_compat_1.9":true}}"#
        ])
        #expect(configuration.ports.http == 9)
        #expect(
            configuration.remarks == [
                "config key encrypt is accepted and changes nothing here",
                "config key gossip_lan is accepted and changes nothing here",
                "config key performance.raft_multiplier is accepted and changes nothing here",
                "config key retry_join is accepted and changes nothing here",
                "config key telemetry.disable_compat_1.9 is accepted and changes nothing here",
            ])
    }

    @Test func withoutDevADataFolderIsNeeded() {
        let error = #expect(throws: ConfigurationError.self) { () throws(ConfigurationError) in
            try read([]) { $0.isDev = false }
        }
        #expect(error?.description == "data_dir cannot be empty")
    }

    @Test func durationsReadAndWriteAsGosDo() throws {
        for (text, nanoseconds) in [
            ("10s", 10_000_000_000), ("1h30m", 5_400_000_000_000), ("500ms", 500_000_000), ("1.5s", 1_500_000_000),
            ("0", 0), ("-2m", -120_000_000_000), ("1us", 1000), ("1µs", 1000), ("3ns", 3),
            ("2h0.5m", 7_230_000_000_000),
        ] as [(String, Int64)] {
            #expect(try Duration(go: text).nanoseconds == nanoseconds, "\(text)")
        }
        for (duration, text) in [
            (Duration.seconds(10), "10s"), (.seconds(5400), "1h30m0s"), (.milliseconds(1500), "1.5s"), (.zero, "0s"),
            (.milliseconds(2), "2ms"), (.seconds(-90), "-1m30s"), (.seconds(8760 * 3600), "8760h0m0s"),
        ] {
            #expect(duration.go == text)
        }
        for (text, sentence) in [
            ("abc", "time: invalid duration \"abc\""), ("10", "time: missing unit in duration \"10\""),
            ("1x", "time: unknown unit \"x\" in duration \"1x\""), ("", "time: invalid duration \"\""),
            ("99999999999h", "time: invalid duration \"99999999999h\""),
        ] {
            let error = #expect(throws: DurationError.self) { try Duration(go: text) }
            #expect(error?.description == sentence)
        }
    }
}
