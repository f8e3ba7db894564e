/// What kind of value a configuration key takes.
enum KeyKind: String, Sendable {
    case string, bool, int, float, duration
    /// A list of strings; a single string stands for a list of one.
    case strings
    /// An object of strings.
    case map
    /// An object of durations.
    case durations
    /// Anything, passed on as it is.
    case any
}

/// One key of a configuration file.
indirect enum SchemaNode: Sendable {
    /// A value; `isUsed` says whether it changes what this agent does.
    case value(KeyKind, isUsed: Bool)
    case block([String: SchemaNode])
}

/// Every key that Consul 1.2 or 1.9 knows, and Warren's own.
enum ConfigurationSchema {
    /// Each line: "+" for a key that is acted upon or "-" for one that is accepted and changes nothing here (it concerns
    /// raft, gossip, metrics sinks and the like), the kind, and the keys, blocks written with slashes.
    private static let table = """
        + string  datacenter data_dir node_name node_id bind_addr advertise_addr advertise_addr_wan client_addr domain alt_domain
        + string  log_file
        + duration log_rotate_duration
        + int     log_rotate_bytes log_rotate_max_files
        + string  log_level pid_file acl_master_token acl_token acl_agent_master_token
        + string  acl_datacenter acl_default_policy
        + string  advertise_addr_ipv4 advertise_addr_ipv6 advertise_addr_wan_ipv4 advertise_addr_wan_ipv6
        + map     tagged_addresses
        + string  unix_sockets/group unix_sockets/mode unix_sockets/user
        - string  primary_datacenter acl_agent_token acl_replication_token acl_down_policy
        - bool    ui ui_config/enabled server
        + bool    log_json enable_script_checks enable_local_script_checks discard_check_output
        + bool    leave_on_terminate skip_leave_on_interrupt
        + map     node_meta
        + strings recursors recursor
        + duration check_update_interval default_query_time max_query_time
        + int     check_output_max_size
        - int     ports/grpc
        + int     ports/dns ports/http ports/https ports/serf_lan ports/serf_wan ports/server
        + int     ports/proxy_min_port ports/proxy_max_port ports/sidecar_min_port ports/sidecar_max_port
        - int     ports/expose_min_port ports/expose_max_port ports/grpc_tls
        + string  addresses/dns addresses/http
        - string  addresses/https addresses/grpc addresses/grpc_tls
        + bool    connect/enabled connect/manage_sidecars
        + string  connect/ca_provider
        + any     connect/ca_config
        + bool    connect/proxy/allow_managed_root connect/proxy/allow_managed_api_registration
        + string  connect/proxy_defaults/exec_mode
        + strings connect/proxy_defaults/daemon_command
        - strings connect/proxy_defaults/script_command
        + any     connect/proxy_defaults/config
        - bool    connect/enable_mesh_gateway_wan_federation connect/enable_serverless_plugin
        + bool    acl/enabled
        + string  acl/default_policy
        + string  acl/tokens/master acl/tokens/agent_master acl/tokens/default
        - string  acl/down_policy acl/tokens/agent acl/tokens/replication
        + string  acl/tokens/initial_management acl/tokens/agent_recovery
        + any     acl/static_tokens
        - bool    acl/disabled acl/enable_key_list_policy acl/enable_token_persistence acl/enable_token_replication
        - string  acl/policy_ttl acl/role_ttl acl/token_ttl
        - any     acl/tokens/managed_service_provider
        - bool    acl_enforce_version_8 acl_enable_key_list_policy enable_acl_replication
        - string  acl_ttl
        + bool    dns_config/only_passing dns_config/enable_truncate dns_config/disable_compression
        + duration dns_config/node_ttl
        + durations dns_config/service_ttl
        + int     dns_config/udp_answer_limit dns_config/a_record_limit
        + bool    dns_config/enable_additional_node_meta_txt
        - bool    dns_config/allow_stale dns_config/use_cache dns_config/prefer_namespace
        - duration dns_config/max_stale dns_config/recursor_timeout dns_config/cache_max_age
        + int     dns_config/soa/refresh dns_config/soa/retry dns_config/soa/expire dns_config/soa/min_ttl
        + strings http_config/block_endpoints
        + map     http_config/response_headers
        + strings http_config/allow_write_http_from
        - bool    http_config/use_cache
        + int     http_config/max_header_bytes
        + int     limits/http_max_conns_per_client
        - string  limits/https_handshake_timeout limits/rpc_handshake_timeout
        - int     limits/rpc_max_conns_per_client limits/rpc_max_burst limits/kv_max_value_size limits/txn_max_req_len
        - float   limits/rpc_rate
        - duration performance/leave_drain_time
        - int     performance/raft_multiplier
        - duration performance/rpc_hold_timeout
        + any     config_entries/bootstrap
        - any     ui_config/dir ui_config/content_path ui_config/metrics_provider ui_config/metrics_provider_files
        - any     ui_config/metrics_provider_options_json ui_config/metrics_proxy ui_config/dashboard_url_templates
        + string  telemetry/metrics_prefix
        + duration telemetry/prometheus_retention_time
        - bool    telemetry/disable_compat_1.9 telemetry/disable_hostname telemetry/filter_default
        - string  telemetry/statsd_address telemetry/statsite_address telemetry/statsite_prefix telemetry/statsd_addr
        - string  telemetry/dogstatsd_addr telemetry/statsite_addr
        - strings telemetry/dogstatsd_tags telemetry/prefix_filter
        - any     telemetry/circonus_api_app telemetry/circonus_api_token telemetry/circonus_api_url
        - any     telemetry/circonus_broker_id telemetry/circonus_broker_select_tag telemetry/circonus_check_display_name
        - any     telemetry/circonus_check_force_metric_activation telemetry/circonus_check_id
        - any     telemetry/circonus_check_instance_id telemetry/circonus_check_search_tag
        - any     telemetry/circonus_check_tags telemetry/circonus_submission_interval
        - any     telemetry/circonus_submission_url
        - string  advertise_reconnect_timeout ca_file ca_path cert_file key_file encrypt
        - string  node_meta_prefix primary_gateways_interval reconnect_timeout
        - string  reconnect_timeout_wan retry_interval retry_interval_wan segment serf_lan serf_wan server_name
        - string  session_ttl_min syslog_facility tls_cipher_suites tls_min_version ui_content_path ui_dir
        - string  discovery_max_stale raft_snapshot_interval license_path config_format version version_prerelease
        - string  version_metadata revision
        - bool    bootstrap disable_anonymous_signature disable_coordinates disable_host_node_id
        - bool    disable_http_unprintable_char_filter disable_keyring_file disable_remote_exec disable_update_check
        - bool    enable_agent_tls_for_checks enable_central_service_config enable_debug enable_syslog
        - bool    encrypt_verify_incoming encrypt_verify_outgoing non_voting_server read_replica rejoin_after_leave
        - bool    tls_prefer_server_cipher_suites translate_wan_addrs use_streaming_backend verify_incoming
        - bool    verify_incoming_https verify_incoming_rpc verify_outgoing verify_server_hostname
        - bool    rpc/enable_streaming
        - int     bootstrap_expect protocol raft_protocol raft_snapshot_threshold raft_trailing_logs retry_max
        - int     retry_max_wan
        - strings retry_join retry_join_wan start_join start_join_wan primary_gateways
        - strings serf_lan_allowed_cidrs serf_wan_allowed_cidrs
        - int     cache/entry_fetch_max_burst
        - float   cache/entry_fetch_rate
        - any     audit auto_config auto_encrypt autopilot gossip_lan gossip_wan segments experimental tls
        """

    /// The keys as a tree.
    static let root: [String: SchemaNode] = {
        var root: [String: SchemaNode] = [:]
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 2, let kind = KeyKind(rawValue: String(words[1])) else {
                preconditionFailure("a line of the table of keys is malformed: \(line)")
            }
            for path in words.dropFirst(2) {
                insert(.value(kind, isUsed: words[0] == "+"), at: path.split(separator: "/")[...], in: &root)
            }
        }
        return root
    }()

    private static func insert(_ node: SchemaNode, at path: ArraySlice<Substring>, in block: inout [String: SchemaNode])
    {
        guard let first = path.first else { return }
        let name = String(first)
        if path.count == 1 {
            block[name] = node
            return
        }
        var inner: [String: SchemaNode] = [:]
        if case .block(let known)? = block[name] { inner = known }
        insert(node, at: path.dropFirst(), in: &inner)
        block[name] = .block(inner)
    }
}
